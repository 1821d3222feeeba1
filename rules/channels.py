"""Sort a visit into one of the default channels, in GA4's order with AI Assistants added.

A pure function over what the visit's first event said. The one invariant: every visit has exactly
one channel, by the first rule that holds.

Source: Google Analytics 4, "Default channel group"; NUMBERS 15 (AI Assistants stand after Organic
Video and before Organic Search).
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class Channel(StrEnum):
    """The channels, in the order in which they are tried."""

    CROSS_NETWORK = "Cross-network"
    PAID_SHOPPING = "Paid Shopping"
    PAID_SEARCH = "Paid Search"
    PAID_SOCIAL = "Paid Social"
    PAID_VIDEO = "Paid Video"
    DISPLAY = "Display"
    PAID_OTHER = "Paid Other"
    ORGANIC_SHOPPING = "Organic Shopping"
    ORGANIC_SOCIAL = "Organic Social"
    ORGANIC_VIDEO = "Organic Video"
    AI_ASSISTANTS = "AI Assistants"
    ORGANIC_SEARCH = "Organic Search"
    EMAIL = "Email"
    AFFILIATES = "Affiliates"
    AUDIO = "Audio"
    SMS = "SMS"
    MOBILE_PUSH = "Mobile Push Notifications"
    REFERRAL = "Referral"
    DIRECT = "Direct"


class Attribution(NamedTuple):
    """What is known of where a visit came from; ``category`` is that of ``rules.sources``."""

    source: str = ""
    category: str = ""
    medium: str = ""
    campaign: str = ""
    is_paid_click: bool = False


_PAID = re.compile(r"(?:.*cp.*|ppc|retargeting|paid.*)", re.DOTALL)
_SHOPPING_CAMPAIGN = re.compile(r"(?:[^a-df-z]|^)shop|shopping")
_EMAIL = re.compile(r"e[-_ ]?mail|newsletter")
_DISPLAY = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
_SOCIAL = frozenset(
    {"social", "social-network", "social-media", "sm", "social network", "social media"}
)
_PAID_BY_CATEGORY = {
    "shopping": Channel.PAID_SHOPPING,
    "search": Channel.PAID_SEARCH,
    "social": Channel.PAID_SOCIAL,
    "video": Channel.PAID_VIDEO,
}
_ORGANIC_BY_CATEGORY = {
    "shopping": Channel.ORGANIC_SHOPPING,
    "social": Channel.ORGANIC_SOCIAL,
    "video": Channel.ORGANIC_VIDEO,
    "ai": Channel.AI_ASSISTANTS,
    "search": Channel.ORGANIC_SEARCH,
    "email": Channel.EMAIL,
    "audio": Channel.AUDIO,
}


@lru_cache(maxsize=4_096)
def channel_of(visit: Attribution) -> Channel:
    """Find the channel of a visit; most visits of a site come from few places."""
    medium, campaign = visit.medium.lower().strip(), visit.campaign.lower().strip()
    if campaign == "cross-network" or medium == "cross-network":
        return Channel.CROSS_NETWORK
    is_shopping = bool(_SHOPPING_CAMPAIGN.search(campaign))
    paid = _paid_channel(visit, medium, is_shopping)
    if paid:
        return paid
    if is_shopping:
        return Channel.ORGANIC_SHOPPING
    return _organic_channel(visit, medium)


def _paid_channel(visit: Attribution, medium: str, is_shopping: bool) -> Channel | None:
    is_paid = bool(_PAID.fullmatch(medium))
    if is_paid and is_shopping:
        return Channel.PAID_SHOPPING
    if is_paid and visit.category in _PAID_BY_CATEGORY:
        return _PAID_BY_CATEGORY[visit.category]
    if visit.is_paid_click and visit.category == "search":
        return Channel.PAID_SEARCH
    if medium in _DISPLAY:
        return Channel.DISPLAY
    return Channel.PAID_OTHER if is_paid else None


def _organic_channel(visit: Attribution, medium: str) -> Channel:
    """Apply GA4's remaining rules: by category or medium, the earlier channel first."""
    by_medium = _channel_of_medium(visit, medium)
    by_category = _ORGANIC_BY_CATEGORY.get(visit.category)
    found = [channel for channel in (by_medium, by_category) if channel]
    if found:
        return min(found, key=_ORDER.__getitem__)
    return Channel.REFERRAL if visit.source else Channel.DIRECT


def _channel_of_medium(visit: Attribution, medium: str) -> Channel | None:
    source = visit.source.lower()
    if medium in _SOCIAL:
        return Channel.ORGANIC_SOCIAL
    if "video" in medium:
        return Channel.ORGANIC_VIDEO
    if medium == "organic":
        return Channel.ORGANIC_SEARCH
    if _EMAIL.fullmatch(medium) or _EMAIL.fullmatch(source):
        return Channel.EMAIL
    if medium in {"affiliate", "affiliates"}:
        return Channel.AFFILIATES
    if medium == "audio":
        return Channel.AUDIO
    if "sms" in {source, medium}:
        return Channel.SMS
    if medium.endswith("push") or "mobile" in medium or "notification" in medium:
        return Channel.MOBILE_PUSH
    return Channel.MOBILE_PUSH if source == "firebase" else None


_ORDER = {channel: position for position, channel in enumerate(Channel)}
