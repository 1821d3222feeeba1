"""Where a visit came from."""

from collections.abc import Callable

import pytest

from edge.outcomes import DropReason
from edge.pipeline.draft import Draft
from edge.pipeline.page import put_page
from edge.pipeline.source import (
    drop_spam_referrer,
    put_campaign,
    put_channel,
    put_referrer,
    put_source,
)

type Make = Callable[..., Draft]


def _run(draft: Draft) -> Draft:
    for step in (put_page, put_referrer, put_campaign, put_source, put_channel):
        step(draft)
    return draft


@pytest.mark.parametrize(
    ("referrer", "kept", "source", "channel"),
    [
        ("", "", "", "Direct"),
        ("https://www.google.com/", "google.com", "Google", "Organic Search"),
        ("https://google.com/search?q=private", "google.com/search", "Google", "Organic Search"),
        ("https://blog.example/a/b?x=1#y", "blog.example/a/b", "blog.example", "Referral"),
        ("https://Blog.Example:8443/A/", "blog.example/A", "blog.example", "Referral"),
        ("https://shop.example/other", "", "", "Direct"),
        ("https://www.shop.example/other", "", "", "Direct"),
        ("https://chatgpt.com/c/abc", "chatgpt.com/c/abc", "ChatGPT", "AI Assistants"),
        ("android-app://com.google.android.gm/", "android-app://com.google.android.gm", "Gmail",
         "Email"),
        ("https://m.example/u/jane@example.com", "m.example/u/[email]", "m.example", "Referral"),
        ("about:blank", "", "", "Direct"),
        ("javascript:alert(1)", "", "", "Direct"),
        ("ftp://files.example/", "", "ftp", "Direct"),
        ("http://[::1", "", "", "Direct"),
        ("not a url", "", "", "Direct"),
    ],
)  # fmt: skip
def test_referrer(a_draft: Make, referrer: str, kept: str, source: str, channel: str) -> None:
    draft = _run(a_draft(referrer=referrer))
    assert draft.referrer == kept
    assert draft.source == ("" if source == "ftp" else source)
    assert draft.channel == channel


@pytest.mark.parametrize(
    ("query", "referrer", "source", "channel"),
    [
        ("utm_source=google&utm_medium=cpc", "", "Google", "Paid Search"),
        ("utm_source=Our+Letter&utm_medium=email", "", "Our Letter", "Email"),
        ("utm_source=a&source=b&ref=c", "https://bing.com/", "a", "Referral"),
        ("source=b&ref=c", "https://bing.com/", "b", "Referral"),
        ("ref=producthunt", "https://bing.com/", "Product Hunt", "Organic Social"),
        ("gclid=Abc123", "https://www.google.com/", "Google", "Paid Search"),
        ("gclid=Abc123", "", "Google", "Paid Search"),
        ("msclkid=1", "https://www.bing.com/", "Bing", "Paid Search"),
        ("fbclid=1", "", "Facebook", "Organic Social"),
        ("fbclid=1", "https://blog.example/", "blog.example", "Referral"),
        ("gclid=", "", "", "Direct"),
        ("utm_medium=cpc", "", "", "Paid Other"),
    ],
)
def test_campaign(a_draft: Make, query: str, referrer: str, source: str, channel: str) -> None:
    draft = _run(a_draft(url=f"https://shop.example/?{query}", referrer=referrer))
    assert (draft.source, draft.channel) == (source, channel)


def test_all_five_words_are_kept_clean(a_draft: Make) -> None:
    query = (
        "utm_source=%20x%20&utm_medium=m%00&utm_campaign=jane@example.com&utm_content="
        + "c" * 400
        + "&utm_term=t"
    )
    draft = _run(a_draft(url=f"https://shop.example/?{query}"))
    assert (draft.utm_source, draft.utm_medium, draft.utm_campaign) == ("x", "m", "[email]")
    assert (draft.utm_content, draft.utm_term) == ("c" * 250, "t")


def test_of_a_click_identifier_only_the_name_is_kept(a_draft: Make) -> None:
    draft = _run(a_draft(url="https://shop.example/?gclid=SECRET9", referrer="https://google.com/"))
    assert draft.click_id == "gclid"
    assert "SECRET9" not in repr(draft.to_event())


@pytest.mark.parametrize(
    ("referrer", "reason"),
    [
        ("https://semalt.com/x", DropReason.SPAM_REFERRER),
        ("https://www.semalt.com/", DropReason.SPAM_REFERRER),
        ("https://a.b.semalt.com/", DropReason.SPAM_REFERRER),
        ("https://notsemalt.com/", None),
        ("https://example.com/semalt.com", None),
        ("", None),
    ],
)
def test_referrer_spam_is_dropped(a_draft: Make, referrer: str, reason: DropReason) -> None:
    draft = a_draft(referrer=referrer)
    put_referrer(draft)
    assert drop_spam_referrer(draft) is reason


def test_in_cnil_mode_a_referrer_is_its_host_alone(a_draft: Make) -> None:
    draft = _run(a_draft(site={"cnil": True}, referrer="https://blog.example/a/b?x=1"))
    assert (draft.referrer, draft.source) == ("blog.example", "blog.example")
    app = _run(a_draft(site={"cnil": True}, referrer="android-app://com.google.android.gm/"))
    assert app.referrer == "android-app://com.google.android.gm"


def test_a_campaigns_word_is_masked_before_it_is_cut(a_draft: Make) -> None:
    word = "x" * 240 + "%20jane@example.org"
    draft = _run(a_draft(url=f"https://shop.example/?utm_campaign={word}"))
    assert draft.utm_campaign == "x" * 240 + " [email]"
