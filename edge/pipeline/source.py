"""Steps: where a visit came from: referrer, campaign, click identifier, source and channel.

The tables are ``rules.sources`` and ``rules.channels``. The one invariant: of a click identifier
only its name is kept, and of a referrer never the query.
"""

from urllib.parse import urlsplit

from edge.outcomes import DropReason
from edge.pipeline.draft import Draft
from edge.pipeline.page import clean_text, is_own_host, normal_path
from rules.channels import Attribution, channel_of
from rules.sources import known_sources
from rules.tables import read_table

_SOURCES = known_sources()
_CLICK_IDS = tuple(_SOURCES.click_ids)
_SPAM = frozenset(read_table("referrer_spam")["hosts"])
_SOURCE_PARAMS: tuple[str, ...] = tuple(read_table("privacy")["parameters"]["source"])
_APP_SCHEME = "android-app"
_MAX_CAMPAIGN = 250
"""Longest campaign word kept, in characters; cut when masked, for half an address is none."""


def put_referrer(draft: Draft) -> None:
    """Set the referrer as host and path, in CNIL mode as host; the site itself is none."""
    url = draft.beacon.referrer
    if not url:
        return
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return
    if not host or host == draft.hostname or is_own_host(draft.sender.site, host):
        return
    if parts.scheme == _APP_SCHEME:
        draft.referrer = f"{_APP_SCHEME}://{clean_text(host)}"
    elif parts.scheme in {"http", "https"}:
        path = "" if draft.sender.site.cnil else normal_path(parts.path).rstrip("/")
        draft.referrer = clean_text(host.removeprefix("www.") + path)


def drop_spam_referrer(draft: Draft) -> DropReason | None:
    """Drop an event whose referrer was made up to be seen in statistics."""
    if not draft.referrer:
        return None
    labels = draft.referrer.partition("/")[0].split(".")
    is_spam = any(".".join(labels[at:]) in _SPAM for at in range(len(labels) - 1))
    return DropReason.SPAM_REFERRER if is_spam else None


def put_campaign(draft: Draft) -> None:
    """Set the five UTM fields and the name of the click identifier."""
    params = draft.params
    if not params:
        return
    draft.utm_source = _word(params, "utm_source")
    draft.utm_medium = _word(params, "utm_medium")
    draft.utm_campaign = _word(params, "utm_campaign")
    draft.utm_content = _word(params, "utm_content")
    draft.utm_term = _word(params, "utm_term")
    draft.click_id = next((name for name in _CLICK_IDS if name in params), "")


def put_source(draft: Draft) -> None:
    """Set the source: what the link says, else who referred, else whose click identifier it is."""
    words = (_word(draft.params, name) for name in _SOURCE_PARAMS)
    word = next(filter(None, words), "")
    host = draft.referrer.removeprefix(f"{_APP_SCHEME}://").partition("/")[0]
    if word:
        known = _SOURCES.of_word(word)
    elif host:
        known = _SOURCES.of_host(host)
    else:
        known = _SOURCES.click_ids.get(draft.click_id)
    draft.source = known.name if known else word or host
    draft.category = known.category if known else ""


def put_channel(draft: Draft) -> None:
    """Set the channel, by what the steps before have found."""
    draft.channel = channel_of(
        Attribution(
            source=draft.source,
            category=draft.category,
            medium=draft.utm_medium,
            campaign=draft.utm_campaign,
            is_paid_click=draft.click_id in _SOURCES.paid_search_ids,
        )
    ).value


def _word(params: dict[str, str], name: str) -> str:
    value = params.get(name)
    return clean_text(value)[:_MAX_CAMPAIGN] if value else ""
