"""Readers without an account: what a link opens, and that it opens nothing else."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from portal.dashboard.cards import CARDS
from portal.dashboard.figures import FIGURES
from portal.models import ShareLink, Site, SiteHost, SiteProperty, SiteSegment
from portal.sharing.links import Wanted, change_link, make_link
from store.client import Store
from tests.portal.conftest import NOW, Portal
from tests.store.query.dataset import a_visit, store_traffic

_FIGURE = re.compile(r'data-metric="(\w+)"\s+data-value="([^"]*)"')
GOOGLE = {"source": "Google", "channel": "Organic Search", "country": "FR"}
LETTER = {"source": "letter", "country": "DE"}


@pytest.fixture(scope="session")
def shared_id(store: Store) -> int:
    """Three visits, two of them from France."""
    number = 830_000
    visits = [
        a_visit("UTC", "2026-11-10T09:00:00", None, **GOOGLE).view("/").view("/secret", 30),
        a_visit("UTC", "2026-11-09T15:18:00", None, **GOOGLE).view("/a"),
        a_visit("UTC", "2026-11-09T10:00:00", None, **LETTER).view("/"),
    ]
    events = [found for made in visits for found in made.events]
    store_traffic(store, number, events, "portal-sharing")
    return number


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store, shared_id: int) -> Portal:
    portal = make_portal(store)
    with portal.database.writing() as session:
        site = Site(
            id=shared_id,
            team_id=1,
            host="shop.example",
            public_key="stk_x",
            created_at=NOW,
            upstreams=["http://a:1"],
            hosts=[SiteHost(host="shop.example"), SiteHost(host="alias.example", position=1)],
        )
        session.add(site)
        session.add(
            SiteSegment(
                id=5,
                site_id=shared_id,
                name="France",
                filters=[["is", "visit:country", ["FR"]]],
                created_at=NOW,
            )
        )
    return portal


def a_link(shop: Portal, site_id: int, **wanted: Any) -> str:
    with shop.database.writing() as session:
        site = session.get_one(Site, site_id)
        return make_link(session, site, Wanted(**{"name": "Press", **wanted}), NOW).slug


def visitors(text: str) -> int | None:
    found = dict(_FIGURE.findall(text)).get("visitors")
    return int(found) if found else None


def test_a_link_shows_the_members_own_numbers_without_an_account_or_a_cookie(
    shop: Portal, shared_id: int
) -> None:
    slug = a_link(shop, shared_id)
    reader = shop.somebody()
    page = reader.get(f"/share/{slug}")
    assert page.status_code == 200
    assert visitors(page.text) == 3
    assert set(dict(_FIGURE.findall(page.text))) == set(FIGURES)
    for card in CARDS.values():
        answer = reader.get(f"/share/{slug}/cards/{card.name}")
        assert answer.status_code == 200
        assert "/sites/" not in answer.text
        assert "Set-Cookie" not in answer.headers
        details = reader.get(f"/share/{slug}/details/{card.name}/{card.tabs[0].name}")
        assert details.status_code == 200
        assert "/sites/" not in details.text
    assert reader.get(f"/share/{slug}/current").status_code == 200
    assert "/sites/" not in page.text
    assert "Set-Cookie" not in page.headers
    assert '<form method="post"' not in page.text
    assert "noindex" in page.headers["X-Robots-Tag"]


def test_a_link_works_without_scripts(shop: Portal, shared_id: int) -> None:
    slug = a_link(shop, shared_id)
    scripted = shop.somebody().get(f"/share/{slug}?period=7d").text
    assert f'content="0; url=/share/{slug}?period=7d&amp;inline=1"' in scripted
    text = shop.somebody().get(f"/share/{slug}?period=7d&inline=1").text
    assert "France" in text
    assert "skeleton" not in text


def test_a_locked_segment_cannot_be_lifted(shop: Portal, shared_id: int) -> None:
    slug = a_link(shop, shared_id, segment_id=5)
    reader = shop.somebody()
    for query in ("", "?f=is_not,country,FR", "?f=is,country,DE", "?segment=", "?compare=off"):
        expected = 0 if "country" in query else 2
        assert visitors(reader.get(f"/share/{slug}{query}").text) == expected, query
    assert "letter" not in reader.get(f"/share/{slug}/cards/sources").text
    assert "letter" not in reader.get(f"/share/{slug}/details/sources/sources?q=let").text
    file = reader.get(f"/share/{slug}/details/sources/sources.csv?f=is,source,letter").text
    assert "letter" not in file
    assert "Google" in reader.get(f"/share/{slug}/details/sources/sources.csv").text
    assert "Germany" not in reader.get(f"/share/{slug}/cards/places?f=is,country,DE").text
    assert "data-live" not in reader.get(f"/share/{slug}").text
    assert "data-live" not in reader.get(f"/share/{slug}/current").text


def test_a_segment_that_is_no_longer_the_sites_shows_no_numbers(
    shop: Portal, shared_id: int
) -> None:
    slug = a_link(shop, shared_id, segment_id=5)
    shop.user("a@b.c")
    with shop.database.writing() as session:
        session.get_one(SiteSegment, 5).user_id = 1
    assert visitors(shop.somebody().get(f"/share/{slug}").text) is None
    with shop.database.writing() as session:
        session.delete(session.get_one(SiteSegment, 5))
    assert shop.somebody().get(f"/share/{slug}").status_code == 404


def test_a_link_shows_only_its_sections_and_takes_no_filter_by_others(
    shop: Portal, shared_id: int
) -> None:
    slug = a_link(shop, shared_id, sections=("sources",))
    reader = shop.somebody()
    text = reader.get(f"/share/{slug}?inline=1").text
    assert 'id="card-sources"' in text
    for name in ("pages", "places", "technology", "events"):
        assert f'id="card-{name}"' not in text
        assert reader.get(f"/share/{slug}/cards/{name}").status_code == 404
        tab = CARDS[name].tabs[0].name
        assert reader.get(f"/share/{slug}/details/{name}/{tab}").status_code == 404
        assert reader.get(f"/share/{slug}/details/{name}/{tab}.csv").status_code == 404
    for query in ("?f=is,page,/secret", "?f=is,country,FR", "?f=is,prop:plan,x", "?f=is,event,x"):
        answer = reader.get(f"/share/{slug}{query}").text
        assert visitors(answer) == 3, query
        assert 'class="chip"' not in answer
    assert visitors(reader.get(f"/share/{slug}?f=is,source,letter").text) == 1
    added = reader.get(f"/share/{slug}?add_op=is&add_dim=page&add_value=/secret")
    assert added.headers["Location"] == f"/share/{slug}"
    assert 'value="page"' not in reader.get(f"/share/{slug}").text


def test_a_password_is_asked_for_and_says_nothing_before(shop: Portal, shared_id: int) -> None:
    slug = a_link(shop, shared_id, password="open sesame")
    reader = shop.somebody()
    asked = reader.get(f"/share/{slug}")
    assert asked.status_code == 200
    assert "Press" not in asked.text
    assert "shop.example" not in asked.text
    for tail in ("live", "cards/sources", "details/sources/sources"):
        assert reader.get(f"/share/{slug}/{tail}").status_code == 404
    assert reader.post(f"/share/{slug}", {"password": "guess"}).status_code == 401
    opened = reader.post(f"/share/{slug}", {"password": "open sesame"})
    assert opened.status_code == 302
    cookies = [c for c in opened.headers.getlist("Set-Cookie") if c.startswith("link=")]
    assert f"Path=/share/{slug}" in cookies[0]
    assert "HttpOnly" in cookies[0]
    assert visitors(reader.get(f"/share/{slug}").text) == 3
    with shop.database.writing() as session:
        link = session.query(ShareLink).one()
        wanted = Wanted(name="Press", password="seven lamps over 3 harbours")
        change_link(session, session.get_one(Site, shared_id), link, wanted)
    assert visitors(reader.get(f"/share/{slug}").text) is None


def test_a_password_opens_its_own_link_only(shop: Portal, shared_id: int) -> None:
    one = a_link(shop, shared_id, password="open sesame")
    two = a_link(shop, shared_id, password="open sesame")
    reader = shop.somebody()
    answer = reader.post(f"/share/{one}", {"password": "open sesame"})
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("link="))
    value = cookie.split(";")[0].removeprefix("link=")
    other = shop.somebody()
    other.client.set_cookie("link", value, path=f"/share/{two}")
    assert visitors(other.get(f"/share/{two}").text) is None


def test_passwords_cannot_be_tried_without_end(shop: Portal, shared_id: int) -> None:
    slug = a_link(shop, shared_id, password="open sesame")
    reader = shop.somebody()
    answers = [reader.post(f"/share/{slug}", {"password": "guess"}) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert reader.post(f"/share/{slug}", {"password": "open sesame"}).status_code == 429
    shop.later(minutes=1)
    assert reader.post(f"/share/{slug}", {"password": "open sesame"}).status_code == 302


def test_an_ended_link_is_the_same_answer_as_none(shop: Portal, shared_id: int) -> None:
    slug = a_link(shop, shared_id, expires_on=date(2026, 11, 10))
    assert shop.somebody().get(f"/share/{slug}").status_code == 200
    shop.clock[0] = datetime(2026, 11, 11, tzinfo=UTC)
    ended, none = (shop.somebody().get(f"/share/{name}") for name in (slug, "nothing"))
    assert ended.status_code == none.status_code == 404
    assert "Set-Cookie" not in ended.headers
    ids = [answer.headers["X-Request-Id"] for answer in (ended, none)]
    assert ended.text.replace(ids[0], "") == none.text.replace(ids[1], "")


def test_openings_are_counted_and_pieces_are_not(shop: Portal, shared_id: int) -> None:
    slug = a_link(shop, shared_id)
    reader = shop.somebody()
    reader.get(f"/share/{slug}")
    reader.get(f"/share/{slug}")
    reader.get(f"/share/{slug}?inline=1")
    reader.get(f"/share/{slug}", headers={"HX-Request": "true"})
    reader.get(f"/share/{slug}/cards/sources")
    with shop.database.reading() as session:
        link = session.query(ShareLink).one()
        assert (link.views, link.last_viewed_at) == (2, NOW)


def test_only_the_named_pages_may_frame_a_link(shop: Portal, shared_id: int) -> None:
    slug = a_link(shop, shared_id, embed_origins=("https://blog.example", "https://*.b.example"))
    base = f"/share/{slug}/embed/dark/transparent"
    reader = shop.somebody()
    for tail in ("/all", "/sources", "/all/cards/pages", "/all/details/pages/top", "/all/current"):
        answer = reader.get(base + tail)
        assert answer.status_code == 200, tail
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors https://blog.example https://*.b.example;" in policy
        assert "unsafe" not in policy
        assert "X-Frame-Options" not in answer.headers
        assert "Set-Cookie" not in answer.headers
    whole = reader.get(f"{base}/all").text
    assert 'data-theme="dark"' in whole
    assert "/embed/background/transparent.css" in whole
    assert f'hx-get="{base}/all/cards/pages' in whole
    single = reader.get(f"{base}/sources").text
    assert "Google" in single
    assert "data-metric" not in single
    assert reader.get(f"{base}/sources/cards/pages").status_code == 404
    unframed = reader.get(f"/share/{slug}").headers
    assert "frame-ancestors 'none'" in unframed["Content-Security-Policy"]
    assert unframed["X-Frame-Options"] == "DENY"


def test_what_may_not_be_framed_has_no_frame(shop: Portal, shared_id: int) -> None:
    closed = a_link(shop, shared_id)
    framed = a_link(shop, shared_id, embed_origins=("https://blog.example",))
    reader = shop.somebody()
    assert reader.get(f"/share/{closed}/embed/dark/page/all").status_code == 404
    for wrong in ("red/page/all", "dark/zzz/all", "dark/page/nothing"):
        assert reader.get(f"/share/{framed}/embed/{wrong}").status_code == 404
    assert "#00ff00" in reader.get("/embed/background/00ff00.css").text
    assert reader.get("/embed/background/red;}.css").status_code == 404


def test_a_public_dashboard_opens_by_its_names_and_a_private_one_does_not(
    shop: Portal, shared_id: int
) -> None:
    reader = shop.somebody()
    paths = ("", "/cards/sources", "/details/pages/top", "/current")
    for path in paths:
        assert reader.get(f"/public/shop.example{path}").status_code == 404
    with shop.database.writing() as session:
        session.get_one(Site, shared_id).public = True
    for path in paths:
        answer = reader.get(f"/public/shop.example{path}")
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert "/sites/" not in answer.text
    assert visitors(reader.get("/public/ALIAS.example").text) == 3
    assert reader.get(f"/public/{shared_id}").status_code == 404


def test_no_other_page_opens_to_a_reader(shop: Portal, shared_id: int) -> None:
    slug = a_link(shop, shared_id, password="open sesame")
    reader = shop.somebody()
    reader.post(f"/share/{slug}", {"password": "open sesame"})
    names = {"host": "shop.example", "name": "sources", "tab_name": "sources", "link_id": "1"}
    seen = 0
    for rule in shop.app.url_map.iter_rules():
        if rule.rule.startswith("/sites") and rule.arguments <= set(names):
            path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: names[found.group(1)], rule.rule)
            if "GET" in (rule.methods or ()):
                seen += 1
                where = reader.get(path).headers.get("Location", "")
                assert where.startswith("/login"), path
    assert seen > 10


def test_a_list_that_no_segment_narrows_is_in_no_file_of_a_locked_link(
    shop: Portal, shared_id: int
) -> None:
    """Pages that are not there come from what the edge served, which knows no visits."""
    slug = a_link(shop, shared_id, segment_id=5)
    reader = shop.somebody()
    path = f"/share/{slug}/details/pages/missing"
    assert "A filter does not hold here" in reader.get(path).text
    for kind in ("csv", "json", "xlsx"):
        answer = reader.get(f"{path}.{kind}")
        assert answer.status_code == 404
        assert answer.mimetype == "text/plain"
    open_link = a_link(shop, shared_id)
    assert reader.get(f"/share/{open_link}/details/pages/missing.csv").status_code == 200


def test_a_reader_cannot_filter_by_a_property_that_is_not_listed(
    shop: Portal, shared_id: int
) -> None:
    """Each filter answers a question: whether anybody had that value."""
    with shop.database.writing() as session:
        session.get_one(Site, shared_id).public = True
        session.add(SiteProperty(site_id=shared_id, key="salary", is_listed=False))
    slug, reader = a_link(shop, shared_id), shop.somebody()
    for base in (f"/share/{slug}", "/public/shop.example"):
        asked = f"{base}?inline=1&f=is,prop:salary,100000&f=is,prop:plan,pro"
        page = reader.get(asked).text
        assert "prop:salary" not in page
        assert "prop:plan" in page
        assert visitors(reader.get(f"{base}?f=is,prop:salary,1").text) == 3
