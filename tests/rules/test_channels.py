"""The channel of a visit, by GA4's order with AI Assistants added."""

import pytest

from rules.channels import Attribution, Channel, channel_of

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
