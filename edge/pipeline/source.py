"""Steps: where a visit came from: referrer, campaign, click identifier, source and channel.

The tables are ``rules.sources`` and ``rules.channels``. The one invariant: of a click identifier
only its name is kept, and of a referrer never the query.
"""

from functools import lru_cache

from edge.outcomes import DropReason
from edge.page_url import split_page
from edge.pipeline.draft import Draft
from edge.pipeline.page import CAMPAIGN, clean_text, is_own_host, normal_path
from rules.channels import Attribution, channel_of
from rules.sources import Source, known_sources
from rules.tables import read_table

_SOURCES = known_sources()
_CLICK_IDS = tuple(_SOURCES.click_ids)
_CLICK_NAMES = frozenset(_CLICK_IDS)
_SPAM = frozenset(read_table("referrer_spam")["hosts"])
_SOURCE_PARAMS: tuple[str, ...] = tuple(read_table("privacy")["parameters"]["source"])
_REMEMBERED = 4_096
"""Hosts, already masked, whose look-ups are remembered: the same few refer again and again."""
_APP_SCHEME = "android-app"
_MAX_CAMPAIGN = 250
"""Longest campaign word kept, in characters; cut when masked, for half an address is none."""


def put_referrer(draft: Draft) -> None:
    """Set the referrer as host and path, in CNIL mode as host; the site itself is none."""
    url = draft.beacon.referrer
    if not url:
        return
    try:
        page = split_page(url)
    except ValueError:
        return
    host = page.host
    if not host or host == draft.hostname or is_own_host(draft.sender.site, host):
        return
    if page.scheme == _APP_SCHEME:
        draft.referrer = f"{_APP_SCHEME}://{clean_text(host)}"
    elif page.scheme in {"http", "https"}:
        path = "" if draft.sender.site.cnil else normal_path(page.path).rstrip("/")
        draft.referrer = clean_text(host.removeprefix("www.") + path)


def drop_spam_referrer(draft: Draft) -> DropReason | None:
    """Drop an event whose referrer was made up to be seen in statistics."""
    if not draft.referrer:
        return None
    return DropReason.SPAM_REFERRER if _is_spam(draft.referrer.partition("/")[0]) else None


def put_campaign(draft: Draft) -> None:
    """Set the five UTM fields and the name of the click identifier."""
    params = draft.params
    if not params:
        return
    for name in CAMPAIGN:
        if name in params:
            setattr(draft, name, _word(params, name))
    if not _CLICK_NAMES.isdisjoint(params):
        draft.click_id = next(name for name in _CLICK_IDS if name in params)


def put_source(draft: Draft) -> None:
    """Set the source: what the link says, else who referred, else whose click identifier it is."""
    params = draft.params
    word = ""
    for name in _SOURCE_PARAMS if params else ():
        if word := _word(params, name):
            break
    host = draft.referrer.removeprefix(f"{_APP_SCHEME}://").partition("/")[0]
    if word:
        known = _SOURCES.of_word(word)
    elif host:
        known = _source_of(host)
    else:
        known = _SOURCES.click_ids.get(draft.click_id)
    draft.source = known.name if known else word or host
    draft.category = known.category if known else ""


def put_channel(draft: Draft) -> None:
    """Set the channel, by what the steps before have found."""
    is_paid_click = draft.click_id in _SOURCES.paid_search_ids
    draft.channel = _channel(
        draft.source, draft.category, draft.utm_medium, draft.utm_campaign, is_paid_click
    )


@lru_cache(maxsize=_REMEMBERED)
def _channel(source: str, category: str, medium: str, campaign: str, is_paid_click: bool) -> str:
    return channel_of(Attribution(source, category, medium, campaign, is_paid_click)).value


@lru_cache(maxsize=_REMEMBERED)
def _is_spam(host: str) -> bool:
    labels = host.split(".")
    return any(".".join(labels[at:]) in _SPAM for at in range(len(labels) - 1))


@lru_cache(maxsize=_REMEMBERED)
def _source_of(host: str) -> Source | None:
    return _SOURCES.of_host(host)


def _word(params: dict[str, str], name: str) -> str:
    value = params.get(name)
    return clean_text(value)[:_MAX_CAMPAIGN] if value else ""
