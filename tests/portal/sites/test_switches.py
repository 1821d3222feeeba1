"""Changing a site by the names of its switches, as the command line does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sites import FIELDS, parse_site
from portal.commands import add_site, site_named
from portal.database import Database
from portal.sites.fields import FieldError
from portal.sites.payload import injection_is_on, publication, set_injection, site_payload
from portal.sites.switches import MOST_FORMER, SWITCHES, change_site


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": "red"}, "There is no switch 'colour'; there are upstreams"),
        ({"mode": "maybe"}, "Choose one of"),
        ({"canary_percent": "101"}, "from 0 to 100"),
        ({"canary_percent": "٣"}, "from 0 to 100"),
        ({"maintenance": "perhaps"}, "type on or off"),
        ({"prefix": "sf"}, "is not a path such as /sf"),
        ({"script_name": "a b"}, "is not a name"),
        ({"currency": "EURO"}, "is not a code"),
        ({"upstreams": "nonsense"}, "is not an address such as"),
        ({"https": "yes"}, "choose one of off, redirect, redirect+hsts"),
        ({"canonical_host": "other.example"}, "is not a name of this site"),
    ],
)
def test_a_wrong_change_is_refused_whole(
    database: Database, changes: dict[str, str], words: str
) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        before = site_payload(site)
        with pytest.raises(FieldError, match=words.replace("+", r"\+")):
            change_site(session, site, {"mode": "off", **changes})
        assert site_payload(site) == before


def test_quiet_mode_keeps_its_seed_until_it_is_switched_off(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        change_site(session, site, {"quiet": "on"})
        seed = site.quiet_seed
        change_site(session, site, {"quiet": "on", "mode": "shadow"})
        assert site.quiet_seed == seed != ""


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_names_given_up_are_remembered_for_thirty_days(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        change_site(session, site, {"mode": "shadow"}, now=NOW)
        change_site(session, site, {"quiet": "on"}, now=NOW)
        assert site.former_names == []
        seed = site.quiet_seed
        change_site(session, site, {"quiet": "off"}, now=NOW)
        until_s = int((NOW + timedelta(days=30)).timestamp())
        quiet = {"prefix": "/sf", "script_name": "", "quiet_seed": seed, "until_s": until_s}
        assert site.former_names == [quiet]
        change_site(session, site, {"prefix": "/q", "script_name": "menu"}, now=NOW)
        assert site.former_names == [{**quiet, "quiet_seed": ""}, quiet]
        assert parse_site(site_payload(site)).former_names[1].quiet_seed == seed
        later = NOW + timedelta(days=31)
        change_site(session, site, {"prefix": "/r"}, now=later)
        assert [names["prefix"] for names in site.former_names] == ["/q"]


def test_names_that_come_back_are_no_former_ones(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        for prefix in ("/a", "/sf", "/a"):
            change_site(session, site, {"prefix": prefix}, now=NOW)
        assert [names["prefix"] for names in site.former_names] == ["/sf"]
        for number in range(20):
            change_site(session, site, {"prefix": f"/a{number}"}, now=NOW)
        assert [names["prefix"] for names in site.former_names] == [
            *(f"/a{number}" for number in range(18, 19 - MOST_FORMER, -1)),
            "/sf",
        ]


def test_of_too_many_names_those_in_force_the_longest_are_remembered(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        days = [*range(MOST_FORMER + 1), MOST_FORMER + 1, MOST_FORMER + 3]
        days[4] = 3
        for number, day in enumerate(days):
            at = NOW + timedelta(days=day)
            change_site(session, site, {"prefix": f"/p{number}"}, now=at)
        kept = [names["prefix"] for names in site.former_names]
        assert len(kept) == MOST_FORMER
        assert kept[-1] == "/sf"
        assert kept[0] == f"/p{len(days) - 2}"
        assert "/p3" not in kept


def test_quiet_mode_off_and_on_again_is_a_rotation(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        seeds = []
        for _ in range(2):
            change_site(session, site, {"quiet": "on"}, now=NOW)
            seeds.append(site.quiet_seed)
            change_site(session, site, {"quiet": "off"}, now=NOW)
        assert [names["quiet_seed"] for names in site.former_names] == seeds[::-1]
        assert len(set(seeds)) == 2


def test_a_site_is_found_by_any_of_its_names(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1", aliases=["www.one.example"])
        assert site_named(session, "WWW.one.example") is site
        with pytest.raises(FieldError, match=r"There is no site two\.example"):
            site_named(session, "two.example")


def test_the_kill_switch_is_published(database: Database) -> None:
    with database.writing() as session:
        assert publication(session).injection
        set_injection(session, on=False)
        assert not publication(session).injection
        set_injection(session, on=True)
        assert injection_is_on(session)


@given(st.sampled_from(sorted(SWITCHES)), st.text(max_size=40))
def test_what_a_reader_takes_an_edge_takes(name: str, text: str) -> None:
    try:
        value = SWITCHES[name].read(text)
    except FieldError:
        return
    if name not in FIELDS or name == "canonical_host":
        return
    required = {"id": 1, "host": "one.example", "upstreams": ["http://a:1"], "public_key": "k"}
    parse_site({**required, name: value})


def test_rules_are_stored_in_the_form_that_edges_take(database: Database) -> None:
    text = '[{"id": "r", "kind": "traffic", "action": "drop", "countries": ["fr"]}]'
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        change_site(session, site, {"rules": text})
        (rule,) = parse_site(site_payload(site)).rules
    assert rule.values == ("FR",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "line 1: expected YAML"),
        ('[{"id": "r", "kind": "event",\n"selectors": ["#1"]}]', "line 2: expected a CSS selector"),
        ('[{"id": "r", "kind": "inject", "action": "exclude", "paths": ["a"]}]', "a path such"),
    ],
)
def test_wrong_rules_are_refused_with_their_place(
    database: Database, text: str, words: str
) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        with pytest.raises(FieldError, match=words):
            change_site(session, site, {"rules": text})
        assert site.rules == []


def test_cnil_mode_holds_the_salt_at_a_day(database: Database) -> None:
    with database.writing() as session:
        site = add_site(session, "one.example", "http://a:1")
        change_site(session, site, {"salt_period": "month"})
        change_site(session, site, {"cnil": "on"})
        assert site.salt_period == "day"
        change_site(session, site, {"salt_period": "week", "city_k": "3"})
        assert (site.salt_period, site.city_k) == ("day", 3)
        assert parse_site(site_payload(site)).cnil
        change_site(session, site, {"cnil": "off", "salt_period": "week"})
        assert site.salt_period == "week"
