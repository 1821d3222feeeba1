"""A small shop whose numbers the tests of reports know by heart."""

import json
from typing import Any

from portal.models import Site, SiteHost
from store.client import Store
from tests.portal.conftest import NOW, Person, Portal
from tests.store.query.dataset import VisitMaker, a_visit, store_traffic

GOOGLE = {"source": "Google", "channel": "Organic Search", "country": "FR", "browser": "Firefox"}
LETTER = {"source": "letter", "country": "DE", "device": "Mobile"}
HOST = "shop.example"


def visits() -> list[VisitMaker]:
    """Four visits: three see the shop, two of them the basket, one buys for 19.90."""
    return [
        a_visit("UTC", "2026-11-10T09:00:00", None, **GOOGLE)
        .view("/shop")
        .view("/basket", 30)
        .add("Buy", 60, path="/basket", revenue_minor=1990, currency="EUR", props={"plan": "pro"}),
        a_visit("UTC", "2026-11-10T15:10:00", None, **LETTER).view("/shop").view("/basket", 20),
        a_visit("UTC", "2026-11-09T10:00:00", None, **GOOGLE).view("/shop"),
        a_visit("UTC", "2026-11-09T11:00:00").view("/about").add("Look", 5, props={"plan": "free"}),
    ]


def store_visits(store: Store, site_id: int, name: str) -> int:
    """Store them as a site's; return its id."""
    events = [found for made in visits() for found in made.events]
    store_traffic(store, site_id, events, name)
    return site_id


def add_shop(portal: Portal, site_id: int, **options: Any) -> None:
    """Let those visits be shop.example's."""
    with portal.database.writing() as session:
        session.add(
            Site(
                id=site_id,
                team_id=1,
                host=HOST,
                public_key="stk_x",
                created_at=NOW,
                upstreams=["http://a:1"],
                hosts=[SiteHost(host=HOST)],
                **options,
            )
        )


def ask(portal: Portal, person: Person, email: str, path: str, body: dict[str, Any]) -> Any:
    """Ask the API as a person with a token."""
    headers = {"Authorization": f"Bearer {portal.token(email, HOST)}"}
    asked = {"site_id": HOST, "date_range": ["2026-10-14", "2026-11-10"], **body}
    answer = person.client.post(f"/api/v2/{path}", data=json.dumps(asked), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json


def add_goal(person: Person, **data: Any) -> None:
    """Define a goal by the form."""
    path = f"/sites/{HOST}/settings/goals"
    assert person.post(path, {"kind": "event", **data}).status_code == 302
