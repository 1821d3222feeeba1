"""Values of dimensions as people read them: countries by name, kinds of visits in words."""

from portal.language import N_, _
from portal.writing import country_name

_IN_WORDS = frozenset({"device", "screen", "channel", "source"})
"""Dimensions of which some values are our own words."""
WORDS = (
    *(
        N_("Desktop"),
        N_("Laptop"),
        N_("Tablet"),
        N_("Mobile"),
        N_("Phone"),
        N_("Tv"),
        N_("Console"),
    ),
    *(N_("Cross-network"), N_("Paid Shopping"), N_("Paid Search"), N_("Paid Social")),
    *(N_("Paid Video"), N_("Display"), N_("Paid Other"), N_("Organic Shopping")),
    *(N_("Organic Social"), N_("Organic Video"), N_("AI Assistants"), N_("Organic Search")),
    *(N_("Email"), N_("Affiliates"), N_("Audio"), N_("SMS"), N_("Mobile Push Notifications")),
    *(N_("Referral"), N_("Direct"), N_("Direct / None"), N_("(not set)"), N_("(none)")),
)


def shown(dimension: str, value: str) -> str:
    """Write a dimension's value for people."""
    if dimension == "country":
        return country_name(value)
    if dimension in {"device", "screen"}:
        value = value[:1].upper() + value[1:]
    return _(value) if value in WORDS else value
