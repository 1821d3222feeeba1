"""Custom events, and what links and forms send by themselves."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.tracked_site import TrackedSite, leave, render_page

pytestmark = pytest.mark.browser

STUB = (
    "<script>window.statflow = window.statflow || function () "
    "{ (statflow.q = statflow.q || []).push(arguments) }</script>"
)


def others(site: TrackedSite) -> list[dict[str, Any]]:
    """The events that are neither page views nor engagement, without what all carry."""
    return [
        {key: value for key, value in event.items() if key not in {"a", "b", "u", "w"}}
        for event in site.events
        if event["n"] not in {"pageview", "engagement"}
    ]


def test_an_event_carries_props_revenue_and_whether_it_was_done_by_hand(
    tracked_site: TrackedSite, page: Page
) -> None:
    page.goto(tracked_site.origin + "/b?secret=1")
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate(
        """
        statflow('Signup', {props: {plan: 'pro', seats: 3, trial: true}});
        statflow('Order', {revenue: {amount: '9.90', currency: 'EUR'}});
        statflow('Slide', {interactive: false});
        statflow('Bare');
        """
    )
    leave(tracked_site, page)

    assert others(tracked_site) == [
        {"n": "Signup", "p": {"plan": "pro", "seats": 3, "trial": True}},
        {"n": "Order", "$": {"amount": "9.90", "currency": "EUR"}},
        {"n": "Slide", "i": False},
        {"n": "Bare"},
    ]
    assert {event["u"] for event in tracked_site.events} == {tracked_site.origin + "/b"}


def test_calls_made_before_the_tracker_came_follow_the_page_view(
    tracked_site: TrackedSite, page: Page
) -> None:
    calls = "<script>statflow('Early', {props: {n: 1}}); statflow('Later')</script>"
    tracked_site.pages["/"] = render_page(head=STUB + calls)
    page.goto(tracked_site.origin)
    leave(tracked_site, page)

    assert [event["n"] for event in tracked_site.events][:3] == ["pageview", "Early", "Later"]
    assert others(tracked_site)[0]["p"] == {"n": 1}
    # One request for the three.
    assert len(tracked_site.bodies[0]["e"]) == 3


def test_events_of_one_task_travel_in_batches_the_edge_takes(
    tracked_site: TrackedSite, page: Page
) -> None:
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate("for (let i = 0; i < 120; i++) statflow('Many', {props: {i}})")
    leave(tracked_site, page)

    assert sorted(event["p"]["i"] for event in others(tracked_site)) == list(range(120))
    assert max(len(body["e"]) for body in tracked_site.bodies) <= 50


def test_props_that_are_no_json_are_left_out_alone(tracked_site: TrackedSite, page: Page) -> None:
    page.goto(tracked_site.origin)
    tracked_site.wait_for(page, lambda: tracked_site.views)
    page.evaluate(
        """
        const circle = {}; circle.self = circle;
        statflow('Circle', {props: circle});
        statflow('Big', {props: {n: 10n}});
        statflow('Good');
        """
    )
    leave(tracked_site, page)

    assert others(tracked_site) == [{"n": "Good"}]


def click_and_leave(site: TrackedSite, page: Page, body: str, **click: Any) -> list[dict[str, Any]]:
    """Visit a page with this body, click its link, leave; links lead nowhere."""
    stay = "<script>addEventListener('click', e => e.preventDefault())</script>"
    site.pages["/"] = render_page(body + stay)
    page.goto(site.origin)
    page.wait_for_function("!!window.statflow")
    page.click("#it", **click)
    leave(site, page)
    return others(site)


@pytest.mark.parametrize("button", ["left", "middle"])
def test_a_link_that_leads_away(tracked_site: TrackedSite, page: Page, button: str) -> None:
    body = '<a href="https://else.example/a/b?token=1#x"><b id="it">go</b></a>'
    assert click_and_leave(tracked_site, page, body, button=button) == [
        {"n": "Outbound Link: Click", "p": {"url": "https://else.example/a/b"}}
    ]


def test_a_download(tracked_site: TrackedSite, page: Page) -> None:
    assert click_and_leave(tracked_site, page, '<a id="it" href="/f/Price.PDF?v=2">pdf</a>') == [
        {"n": "File Download", "p": {"url": tracked_site.origin + "/f/Price.PDF"}}
    ]


@pytest.mark.parametrize(
    "body",
    [
        '<a id="it" href="/inside">inside</a>',
        '<a id="it" href="mailto:a@b.example">mail</a>',
        '<a id="it" href="tel:+491234">call</a>',
        '<a id="it" href="javascript:void 0">script</a>',
        '<a id="it" name="anchor">no link</a>',
        '<svg><a href="https://else.example/"><rect id="it" width="50" height="50"/></a></svg>',
        '<p id="it">text</p>',
    ],
)
def test_other_clicks_send_nothing(tracked_site: TrackedSite, page: Page, body: str) -> None:
    assert click_and_leave(tracked_site, page, body) == []


def test_the_right_button_opens_no_link(tracked_site: TrackedSite, page: Page) -> None:
    body = '<a id="it" href="https://else.example/">go</a>'
    assert click_and_leave(tracked_site, page, body, button="right") == []


def test_the_keyboard_follows_links_too(tracked_site: TrackedSite, page: Page) -> None:
    stay = "<script>addEventListener('click', e => e.preventDefault())</script>"
    tracked_site.pages["/"] = render_page('<a id="it" href="https://else.example/">go</a>' + stay)
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.focus("#it")
    page.keyboard.press("Enter")
    leave(tracked_site, page)

    assert [event["n"] for event in others(tracked_site)] == ["Outbound Link: Click"]


def test_a_click_that_leaves_the_page_is_counted_all_the_same(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.pages["/"] = render_page('<a href="/b" data-sf-event="Go on">on</a>')
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.click("a")
    tracked_site.wait_for(page, lambda: len(tracked_site.views) == 2)
    leave(tracked_site, page)

    assert others(tracked_site) == [{"n": "Go on"}]
    assert tracked_site.views == ["/", "/b"]


def test_an_event_declared_in_the_page(tracked_site: TrackedSite, page: Page) -> None:
    options = '{"props": {"plan": "pro"}, "revenue": {"amount": "5", "currency": "EUR"}}'
    body = f"<button data-sf-event='Upgrade' data-sf-options='{options}'><i id='it'>up</i></button>"
    assert click_and_leave(tracked_site, page, body) == [
        {"n": "Upgrade", "p": {"plan": "pro"}, "$": {"amount": "5", "currency": "EUR"}}
    ]


def test_a_form_counts_when_it_is_sent_and_not_when_it_is_refused(
    tracked_site: TrackedSite, page: Page
) -> None:
    tracked_site.pages["/"] = render_page(
        '<form action="/b"><input name="mail" required><button>Send</button></form>'
    )
    page.goto(tracked_site.origin)
    page.wait_for_function("!!window.statflow")
    page.click("button")
    page.fill("input", "someone@example.org")
    page.click("button")
    leave(tracked_site, page)

    assert others(tracked_site) == [{"n": "Form: Submission"}]
    assert "someone" not in str(tracked_site.events)
