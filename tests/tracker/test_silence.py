"""Who is not counted, and that nothing is left on anybody's device."""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.support.tracked_site import TrackedSite, leave, render_page

pytestmark = pytest.mark.browser

GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"
DNT = "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})"
DNT_OFF = "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '0'})"


def visit_everything(site: TrackedSite, page: Page) -> None:
    page.goto(site.origin)
    page.wait_for_function("!!window.statflow")
    page.evaluate("statflow('Signup'); history.pushState({}, '', '/b')")
    page.click("body")
    page.goto("about:blank")
    page.wait_for_timeout(150)


def requests_of_ours(site: TrackedSite) -> set[str]:
    return {path for _, path, _ in site.requests if path.startswith("/sf/")}


@pytest.mark.parametrize("signal", [GPC, DNT])
def test_a_visitor_who_asks_not_to_be_counted_sends_nothing(
    tracked_site: TrackedSite, page: Page, signal: str
) -> None:
    page.add_init_script(signal)
    visit_everything(tracked_site, page)

    assert requests_of_ours(tracked_site) == {"/sf/1a2b3c4d5e.js"}


def test_do_not_track_switched_off_is_no_wish(tracked_site: TrackedSite, page: Page) -> None:
    page.add_init_script(DNT_OFF)
    visit_everything(tracked_site, page)

    assert tracked_site.views == ["/", "/b"]


def test_a_site_may_leave_the_signals_aside(tracked_site: TrackedSite, page: Page) -> None:
    tracked_site.settings[3] = 1
    page.add_init_script(GPC)
    visit_everything(tracked_site, page)

    assert tracked_site.views == ["/", "/b"]


def test_the_opt_out_cookie_silences_whatever_the_site_wants(
    tracked_site: TrackedSite, context: BrowserContext, page: Page
) -> None:
    tracked_site.settings[3] = 1
    context.add_cookies(
        [
            {"name": "session", "value": "1", "url": tracked_site.origin},
            {"name": "sf_out", "value": "1", "url": tracked_site.origin},
        ]
    )
    visit_everything(tracked_site, page)

    assert requests_of_ours(tracked_site) == {"/sf/1a2b3c4d5e.js"}


def test_opting_out_in_another_tab_counts_at_once(
    tracked_site: TrackedSite, context: BrowserContext, page: Page
) -> None:
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    context.add_cookies([{"name": "sf_out", "value": "1", "url": tracked_site.origin}])
    page.evaluate("history.pushState({}, '', '/b')")
    page.goto("about:blank")
    page.wait_for_timeout(150)

    assert [event["n"] for event in tracked_site.events] == ["pageview"]


def test_nothing_is_kept_on_the_device(
    tracked_site: TrackedSite, context: BrowserContext, page: Page
) -> None:
    # Writes are watched as they happen: what is removed again would have been written all the same.
    page.add_init_script(
        """
        window.writes = [];
        const watch = (owner, name) => {
          const original = owner[name];
          owner[name] = function () {
            writes.push(name); return original.apply(this, arguments);
          };
        };
        ['setItem', 'getItem', 'removeItem'].forEach(name => watch(Storage.prototype, name));
        watch(IDBFactory.prototype, 'open');
        watch(CacheStorage.prototype, 'open');
        const cookie = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
        Object.defineProperty(Document.prototype, 'cookie',
          {get: cookie.get, set() { writes.push('cookie') }});
        const name = Object.getOwnPropertyDescriptor(window, 'name');
        Object.defineProperty(window, 'name', {get: name.get, set() { writes.push('name') }});
        """
    )
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate("statflow('Signup'); history.pushState({}, '', '/b')")
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    tracked_site.wait_for(page, lambda: len(tracked_site.named("engagement")) == 2)

    assert page.evaluate("window.writes") == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.evaluate("indexedDB.databases()") == []
    assert context.cookies() == []


def test_one_name_is_added_to_the_page(tracked_site: TrackedSite, page: Page) -> None:
    before = "<script>window.before = Object.getOwnPropertyNames(window)</script>"
    tracked_site.pages["/"] = render_page(head=before)
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)

    added = "Object.getOwnPropertyNames(window).filter(name => !before.includes(name))"
    assert set(page.evaluate(added)) - {"before"} == {"statflow"}


def test_a_program_is_marked_and_a_person_is_not(tracked_site: TrackedSite, page: Page) -> None:
    page.goto(tracked_site.origin)
    leave(tracked_site, page)
    assert {event["b"] for event in tracked_site.events} == {1}

    tracked_site.bodies.clear()
    page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'webdriver', {get: () => false})"
    )
    page.goto(tracked_site.origin)
    leave(tracked_site, page)
    assert not any(event["b"] for event in tracked_site.events)
