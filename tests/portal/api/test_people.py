"""Members, guests and invitations by REST: nobody gives what they could not give on the page."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from portal.mail import Mail  # noqa: TC001 - as the others
from portal.models import Guest, Role, User
from store.client import Store
from tests.portal.api.test_kept import Client
from tests.portal.api.test_manage import ALL
from tests.portal.api.test_views import error
from tests.portal.conftest import Portal


@pytest.fixture
def shop(make_portal: Callable[..., Portal], store: Store) -> Portal:
    portal = make_portal(store, public_url="https://stats.example")
    portal.site("own.example")
    portal.site("second.example")
    portal.user("owner@b.c", Role.OWNER)
    portal.user("admin@b.c", Role.ADMIN)
    portal.user("viewer@b.c", Role.VIEWER)
    portal.user("guest@b.c")
    return portal


def number(portal: Portal, email: str) -> int:
    with portal.database.reading() as session:
        return session.scalars(select(User.id).where(User.email == email)).one()


def client(portal: Portal, email: str) -> Client:
    return Client(portal, portal.token(email, "own.example", ALL))


def test_members_change_and_go(shop: Portal) -> None:
    owner, viewer = client(shop, "owner@b.c"), number(shop, "viewer@b.c")
    changed = owner("PUT", f"own.example/members/{viewer}", {"role": "editor"}).json
    assert changed == {"id": viewer, "email": "viewer@b.c", "role": "editor"}
    assert owner("DELETE", f"own.example/members/{viewer}").status_code == 204
    assert error(owner("DELETE", f"own.example/members/{viewer}"))["code"] == "not_found"
    assert (
        error(owner("PUT", f"own.example/members/{2**40}", {"role": "editor"}))["code"]
        == "not_found"
    )
    wrong = owner("PUT", f"own.example/members/{number(shop, 'admin@b.c')}", {"role": "king"})
    assert error(wrong)["allowed"] == ["owner", "admin", "editor", "viewer"]


def test_an_admin_makes_and_removes_no_owner(shop: Portal) -> None:
    admin, owner = client(shop, "admin@b.c"), number(shop, "owner@b.c")
    assert (
        error(admin("DELETE", f"own.example/members/{owner}"))["message"]
        == "Only an owner can do that."
    )
    made = admin("PUT", f"own.example/members/{number(shop, 'viewer@b.c')}", {"role": "owner"})
    assert error(made)["field"] == "role"
    asked = {"email": "new@b.c", "role": "owner"}
    assert error(admin("POST", "own.example/invitations", asked))["code"] == "no_right"


def test_the_last_owner_stays(shop: Portal) -> None:
    owner = client(shop, "owner@b.c")
    answer = owner("DELETE", f"own.example/members/{number(shop, 'owner@b.c')}")
    assert "needs an owner" in error(answer)["message"]


def test_an_invitation_is_made_taken_and_void(shop: Portal) -> None:
    owner = client(shop, "owner@b.c")
    made = owner.made(
        "own.example/invitations", {"email": "guest@b.c", "role": "viewer", "guest": True}
    )
    assert made["link"].startswith("https://stats.example/")
    assert (made["email"], made["guest"]) == ("guest@b.c", True)
    listed = (owner("GET", "own.example/invitations").json or {})["invitations"]
    assert [row["id"] for row in listed] == [made["id"]]
    assert "link" not in listed[0]
    path = made["link"].removeprefix("https://stats.example")
    guest = shop.somebody()
    guest.sign_in("guest@b.c")
    assert guest.post(path, {}, form_at=path).status_code == 302
    (row,) = (owner("GET", "own.example/guests").json or {})["guests"]
    assert (row["email"], row["role"]) == ("guest@b.c", "viewer")
    assert (owner("PUT", f"own.example/guests/{row['id']}", {"role": "editor"}).json or {})[
        "role"
    ] == "editor"
    refused = owner("PUT", f"own.example/guests/{row['id']}", {"role": "admin"})
    assert error(refused)["field"] == "role"
    assert owner("DELETE", f"own.example/guests/{row['id']}").status_code == 204
    again = owner.made("own.example/invitations", {"email": "x@b.c", "role": "viewer"})
    assert owner("DELETE", f"own.example/invitations/{again['id']}").status_code == 204
    assert error(owner("DELETE", f"own.example/invitations/{again['id']}"))["code"] == "not_found"


def test_an_invitation_goes_by_mail_where_there_is_mail(
    make_portal: Callable[..., Portal], store: Store
) -> None:
    sent: list[Mail] = []
    portal = make_portal(store, public_url="https://stats.example", send_mail=sent.append)
    portal.site("own.example")
    portal.user("owner@b.c", Role.OWNER)
    made = client(portal, "owner@b.c").made(
        "own.example/invitations", {"email": "new@b.c", "role": "viewer"}
    )
    assert made["link"] is None
    portal.surroundings.background.join()
    assert [mail.to for mail in sent] == ["new@b.c"]


def test_guests_of_another_site_are_not_there(shop: Portal) -> None:
    guest, second = number(shop, "guest@b.c"), shop.site("third.example")
    with shop.database.writing() as session:
        session.add(Guest(user_id=guest, site_id=second, role=Role.VIEWER))
    owner = client(shop, "owner@b.c")
    assert (owner("GET", "own.example/guests").json or {})["guests"] == []
    body: dict[str, Any] = {"role": "editor"}
    assert error(owner("PUT", f"own.example/guests/{guest}", body))["code"] == "not_found"
    assert error(owner("DELETE", f"own.example/guests/{guest}"))["code"] == "not_found"


def test_people_need_a_scope_of_their_own(shop: Portal) -> None:
    token = shop.token("owner@b.c", "own.example", ("sites:read", "sites:write", "sites:admin"))
    small = Client(shop, token)
    for path in ("guests", "invitations"):
        assert error(small("GET", f"own.example/{path}"))["code"] == "missing_scope"
