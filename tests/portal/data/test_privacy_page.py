"""The public page: there only where its owner says so, and true to the site's settings."""

from typing import Any

import pytest

from portal.commands import site_named
from portal.models import Role
from portal.sites.switches import change_site
from tests.portal.conftest import Portal

PAGE = "/privacy/own.example"
SETTINGS = "/sites/own.example/privacy"
TYPED = {"privacy_page": "y", "privacy_contact": "Own Ltd\nprivacy@own.example <b>"}


def published(portal: Portal, **changes: str) -> str:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.EDITOR)
    assert person.post(SETTINGS, TYPED).status_code == 302
    with portal.database.writing() as session:
        change_site(session, site_named(session, "own.example"), changes)
    answer = portal.somebody().get(PAGE)
    assert answer.status_code == 200
    return answer.text


def test_without_the_switch_there_is_no_page(portal: Portal) -> None:
    portal.site("own.example")
    assert portal.somebody().get(PAGE).status_code == 404
    assert portal.somebody().get("/privacy/nowhere.example").status_code == 404


def test_anybody_reads_it_and_no_cookie_is_set(portal: Portal) -> None:
    text = published(portal)
    assert "Own Ltd" in text
    assert "privacy@own.example &lt;b&gt;" in text
    assert "https://own.example/sf/opt-out" in text
    answer = portal.somebody().get(PAGE)
    assert "Set-Cookie" not in answer.headers
    assert portal.somebody().get("/privacy/OWN.example").status_code == 200


@pytest.mark.parametrize(
    ("changes", "there", "not_there"),
    [
        ({}, ["lasts a day", "no end is set", "Do Not Track", "Reading", "Deliveries"], ["CNIL"]),
        ({"retention_days": "400"}, ["400 days, and then erased"], ["no end is set"]),
        ({"salt_period": "month"}, ["lasts a month", "known again"], ["Nobody is known"]),
        ({"salt_period": "month", "cnil": "on"},
         ["lasts a day", "CNIL mode", "Never a region", "its host alone"], ["lasts a month"]),
        ({"respect_dnt": "off"}, [], ["Do Not Track"]),
        ({"measure": "edge"}, ["Deliveries"], ["Reading", "downloaded"]),
        ({"hits": "off"}, [], ["Deliveries"]),
        ({"city_k": "25"}, ["at least 25 visitors"], []),
        ({"kept_params": "page,sort"}, ["the parameters page, sort"], []),
        ({"modules": "forms"}, ["never what is typed"], ["clicked"]),
        ({"count_downloads": "off", "count_forms": "off"}, [], ["downloaded", "form was sent"]),
        ({"prefix": "/stats"}, ["https://own.example/stats/opt-out"], []),
    ],
    ids=str,
)  # fmt: skip
def test_it_says_what_the_settings_say(
    portal: Portal, changes: dict[str, str], there: list[str], not_there: list[str]
) -> None:
    text = published(portal, **changes)
    assert [words for words in there if words not in text] == []
    assert [words for words in not_there if words in text] == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"privacy_page": "y"}, "who is responsible"),
        (TYPED | {"privacy_basis": "x" * 2_001}, "At most 2000"),
    ],
)
def test_a_page_without_somebody_responsible_is_refused(
    portal: Portal, typed: dict[str, Any], words: str
) -> None:
    portal.site("own.example")
    person = portal.user("a@b.c", Role.EDITOR)
    refused = person.post(SETTINGS, typed)
    assert refused.status_code == 422
    assert words in refused.text
    assert portal.somebody().get(PAGE).status_code == 404


def test_it_goes_when_it_is_switched_off(portal: Portal) -> None:
    published(portal)
    person = portal.user("e@b.c", Role.EDITOR)
    person.post(SETTINGS, {"privacy_contact": "Own Ltd"})
    assert portal.somebody().get(PAGE).status_code == 404
