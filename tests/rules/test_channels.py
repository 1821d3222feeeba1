"""The channel of a visit, by GA4's order with AI Assistants added."""

from pathlib import Path

import pytest

from rules.channels import Attribution, Channel, channel_of, known_rows, load_channels, row_of
from rules.loader import RuleError
from tests.support.effort import processor_s

CASES = [
    (Attribution(), "Direct"),
    (Attribution(source="example.com"), "Referral"),
    (Attribution("GitHub", "referral"), "Referral"),
    (Attribution("Google", "search"), "Organic Search"),
    (Attribution("Google", "search", "cpc"), "Paid Search"),
    (Attribution("Google", "search", "CPC"), "Paid Search"),
    (Attribution("Google", "search", "", "", True), "Paid Search"),
    (Attribution("Facebook", "social", "", "", True), "Organic Social"),
    (Attribution("Facebook", "social", "paid_social"), "Paid Social"),
    (Attribution("Facebook", "social"), "Organic Social"),
    (Attribution("YouTube", "video", "cpv"), "Paid Video"),
    (Attribution("YouTube", "video", "cpc"), "Paid Video"),
    (Attribution("YouTube", "video"), "Organic Video"),
    (Attribution("Amazon", "shopping", "ppc"), "Paid Shopping"),
    (Attribution("Amazon", "shopping"), "Organic Shopping"),
    (Attribution("Google", "search", "cpc", "spring-shopping"), "Paid Shopping"),
    (Attribution("Google", "search", "", "shop-launch"), "Organic Shopping"),
    (Attribution("Google", "search", "", "workshop"), "Organic Search"),
    (Attribution("Google", "search", "", "eshop"), "Organic Shopping"),
    (Attribution("Google", "search", "cpc", "cross-network"), "Cross-network"),
    (Attribution("Google", "search", "display"), "Display"),
    (Attribution("somebody", "", "cpm"), "Display"),
    (Attribution("somebody", "", "cpc"), "Paid Other"),
    (Attribution("somebody", "", "retargeting"), "Paid Other"),
    (Attribution("ChatGPT", "ai"), "AI Assistants"),
    (Attribution("ChatGPT", "ai", "organic"), "AI Assistants"),
    (Attribution("ChatGPT", "ai", "email"), "AI Assistants"),
    (Attribution("ChatGPT", "ai", "social"), "Organic Social"),
    (Attribution("somebody", "", "organic"), "Organic Search"),
    (Attribution("somebody", "", "social-media"), "Organic Social"),
    (Attribution("somebody", "", "video"), "Organic Video"),
    (Attribution("newsletter"), "Email"),
    (Attribution("somebody", "", "e-mail"), "Email"),
    (Attribution("Gmail", "email"), "Email"),
    (Attribution("somebody", "", "affiliate"), "Affiliates"),
    (Attribution("Spotify", "audio"), "Audio"),
    (Attribution("sms"), "SMS"),
    (Attribution("somebody", "", "web-push"), "Mobile Push Notifications"),
    (Attribution("firebase"), "Mobile Push Notifications"),
    (Attribution("somebody", "", "referral"), "Referral"),
]


@pytest.mark.parametrize(("visit", "channel"), CASES)
def test_a_visit_is_in_its_channel(visit: Attribution, channel: str) -> None:
    assert channel_of(visit) == channel


def test_every_channel_has_a_case() -> None:
    assert {channel for _, channel in CASES} == {channel.value for channel in Channel}


def test_ai_assistants_stand_between_organic_video_and_organic_search() -> None:
    order = list(Channel)
    at = order.index(Channel.AI_ASSISTANTS)
    assert order[at - 1 : at + 2 : 2] == [Channel.ORGANIC_VIDEO, Channel.ORGANIC_SEARCH]


def test_the_rows_of_the_pack_keep_to_the_order_of_the_channels() -> None:
    order = list(Channel)
    at = [order.index(row.channel) for row in known_rows()]
    assert at == sorted(at)


@pytest.mark.parametrize(
    ("rows", "line", "expected"),
    [
        ("- {id: a, channel: Nonsense}", 2, "expected one of Cross-network"),
        ("- {id: a, channel: Email, colour: red}", 2, "expected an object with id"),
        ("- {id: a, channel: Email, medium: '(e'}", 2, "expected a pattern that RE2 takes"),
        (r"- {id: a, channel: Email, medium: '(.)\1'}", 2, "expected a pattern that RE2 takes"),
        ("- {id: a, channel: Email, medium: '.*'}", 2, "stands for no empty word"),
        ("- {id: a, channel: Email, paid_click: 1}", 2, "expected true or false"),
        ("- {id: a, channel: Email, source: x}", 2, "a last row without conditions"),
        ("- {id: a, channel: Email, source: x}\n- {id: a, channel: Direct}", 1, "an id of its own"),
    ],
)
def test_a_wrong_row_is_told_by_line(tmp_path: Path, rows: str, line: int, expected: str) -> None:
    file = tmp_path / "channels.yaml"
    file.write_text(f"channels:\n{rows}\n")
    with pytest.raises(RuleError) as caught:
        load_channels(file)
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert expected in str(caught.value)


def test_a_visit_whose_words_are_hostile_costs_the_same_for_each_character() -> None:
    """Eight times the text: eight times the work, with room to 20; going back takes 64 times."""

    def effort(length: int) -> float:
        visit = Attribution("shop" * length, "", "c" * length + "x", "shopp" * length)
        return processor_s(lambda: row_of.__wrapped__(visit))

    assert effort(160_000) < 20 * effort(20_000)
