"""Adding, changing and deleting sites, and telling the edges."""

from collections.abc import Callable

import pytest

from edge.sites import render_snapshot
from portal.commands import list_sites
from portal.models import Role
from portal.sites.payload import Publication
from tests.portal.conftest import Portal

NEW = {"host": "new.example", "upstream": "http://10.0.0.5:3000", "timezone": "Europe/Paris"}
SETTINGS = {"upstreams": "http://10.0.0.6", "timezone": "UTC", "aliases": "", "mode": "shadow"}


def test_an_added_site_is_published_in_the_edges_schema(portal: Portal) -> None:
    person = portal.user("a@b.c", Role.OWNER)
    done = person.post("/sites/new", NEW)
    assert done.headers["Location"] == "/sites/new.example"
    assert "is added" in person.get("/").text
    (told,) = portal.published
    assert told.injection
    assert told.sites[0]["host"] == "new.example"
    render_snapshot(1, told.sites)


def test_a_wrong_field_is_said_beside_it_and_keeps_what_was_typed(portal: Portal) -> None:
    portal.site("taken.example")
    person = portal.user("a@b.c", Role.OWNER)
    for changed, words in (
        ({"host": "taken.example"}, "taken.example belongs to a site already."),
        ({"host": "https://x"}, "Type only the host name"),
        ({"upstream": "nonsense"}, "is not an address such as"),
        ({"timezone": "Mars/Base"}, "is not a time zone"),
    ):
        answer = person.post("/sites/new", {**NEW, **changed})
        assert answer.status_code == 422
        assert words in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert f'value="{next(iter(changed.values()))}"' in answer.text
    assert portal.published == []


def test_a_site_is_saved_even_if_the_edges_cannot_be_told(
    make_portal: Callable[..., Portal], caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_told: Publication) -> None:
        raise ConnectionError("the buffer is away")

    portal = make_portal(publish=fails)
    person = portal.user("a@b.c", Role.OWNER)
    assert person.post("/sites/new", NEW).status_code == 302
    assert "could not be told yet" in person.get("/").text
    with portal.database.reading() as session:
        assert [site["host"] for site in list_sites(session)] == ["new.example"]


def test_settings_are_shown_changed_and_published(portal: Portal) -> None:
    portal.site("one.example", aliases=["old.example"])
    person = portal.user("a@b.c", Role.EDITOR)
    assert "old.example</textarea>" in person.get("/sites/one.example/settings").text
    typed = {**SETTINGS, "aliases": "a.example, b.example", "hash_routes": "y", "debug": "y"}
    assert person.post("/sites/one.example/settings", typed).status_code == 302
    (site,) = portal.published[-1].sites
    assert site["upstreams"] == ["http://10.0.0.6"]
    assert site["aliases"] == ["a.example", "b.example"]
    assert (site["mode"], site["hash_routes"], site["debug"]) == ("shadow", True, True)
    render_snapshot(2, portal.published[-1].sites)


def test_every_switch_survives_being_shown_and_saved_again(portal: Portal) -> None:
    portal.site("one.example")
    person = portal.user("a@b.c", Role.EDITOR)
    typed = {
        **SETTINGS,
        "upstreams": "http://10.0.0.6\nhttp://10.0.0.7",
        "mode": "canary",
        "canary_percent": "0",
        "https": "redirect+hsts",
        "canonical_host": "one.example",
        "maintenance": "y",
        "prefix": "/a",
        "script_name": "main",
        "quiet": "y",
        "csp": "reuse",
        "kept_params": "color, size",
        "client_ip": "peer",
        "max_body_bytes": "5000",
        "debug_key": "k-1",
    }
    path = "/sites/one.example/settings"
    assert person.post(path, typed).status_code == 302
    (first,) = portal.published[-1].sites
    again = {"upstreams": typed["upstreams"], "maintenance": "y", "quiet": "y"}
    assert person.post(path, again).status_code == 302
    (second,) = portal.published[-1].sites
    assert first == second
    assert (first["canary_percent"], first["upstreams"][1]) == (0, "http://10.0.0.7")
    assert first["quiet_seed"]
    render_snapshot(3, [first])


def test_settings_refuse_a_canonical_host_that_is_no_name_of_the_site(portal: Portal) -> None:
    portal.site("one.example")
    person = portal.user("a@b.c", Role.EDITOR)
    answer = person.post(
        "/sites/one.example/settings", {**SETTINGS, "canonical_host": "two.example"}
    )
    assert answer.status_code == 422
    assert "two.example is not a name of this site." in answer.text


def test_settings_refuse_a_name_of_another_site(portal: Portal) -> None:
    portal.site("one.example")
    portal.site("two.example")
    person = portal.user("a@b.c", Role.OWNER)
    typed = {**SETTINGS, "aliases": "two.example"}
    answer = person.post("/sites/one.example/settings", typed)
    assert answer.status_code == 422
    assert "two.example belongs to a site already." in answer.text
    wrong = person.post("/sites/one.example/settings", {**SETTINGS, "aliases": "http://x"})
    assert "Type only the host name" in wrong.text


def test_deleting_asks_for_the_name(portal: Portal) -> None:
    portal.site("one.example")
    person = portal.user("a@b.c", Role.ADMIN)
    page = "/sites/one.example/settings"
    person.post("/sites/one.example/delete", {"name": "other"}, form_at=page)
    assert "Nothing was deleted" in person.get(page).text
    person.post("/sites/one.example/delete", {"name": " One.example "}, form_at=page)
    assert portal.published == [Publication([])]
    assert person.get(page).status_code == 404


def test_the_list_has_an_empty_state_for_each_kind_of_person(portal: Portal) -> None:
    assert "Add the first one" in portal.user("a@b.c", Role.OWNER).get("/").text
    assert "An owner or admin of a team can add sites" in portal.user("b@b.c").get("/").text
