"""A team's people: roles, leaving, handing over, the end of a team, sites that move."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.commands import CommandError, list_sites
from portal.models import Membership, Role, Team, User
from portal.teams import members
from portal.teams.rights import RIGHTS
from tests.portal.conftest import NOW, Portal


def number_of(portal: Portal, email: str) -> int:
    with portal.database.reading() as session:
        return int(session.scalar(select(User.id).where(User.email == email)) or 0)


def test_a_person_makes_a_team_and_adds_a_site_to_it(portal: Portal) -> None:
    person = portal.user("a@b.c")
    assert person.post("/teams", {"name": " Blue  team "}).status_code == 302
    assert "Blue team" in person.get("/teams").text
    assert person.post("/teams", {"name": "blue TEAM"}).status_code == 422
    new = {"host": "one.example", "upstream": "http://a:1", "timezone": "UTC"}
    assert person.post("/sites/new", new).status_code == 302
    assert person.get("/sites/one.example").status_code == 200


def test_the_last_owner_stays_until_there_is_another(portal: Portal) -> None:
    owner = portal.user("a@b.c", Role.OWNER)
    portal.user("b@b.c", Role.EDITOR)
    assert members.LAST_OWNER in _after(owner, "/teams/1/leave")
    other = number_of(portal, "b@b.c")
    assert "handed over" in _after(owner, f"/teams/1/members/{other}/owner")
    assert "no longer in the team" in _after(owner, "/teams/1/leave")
    assert owner.get("/teams/1").status_code == 404


def _after(person: object, path: str, **typed: str) -> str:
    assert hasattr(person, "post")
    answer = person.post(path, typed, form_at="/")
    assert answer.status_code == 302
    return str(person.get(answer.headers["Location"]).text).replace("&#39;", "'")


def test_an_admin_changes_everybody_but_owners(portal: Portal) -> None:
    portal.user("o@b.c", Role.OWNER)
    admin = portal.user("a@b.c", Role.ADMIN)
    portal.user("v@b.c", Role.VIEWER)
    owner, viewer = number_of(portal, "o@b.c"), number_of(portal, "v@b.c")
    assert "is changed" in _after(admin, f"/teams/1/members/{viewer}/role", role="editor")
    refused = members.NOT_YOURS
    assert refused in _after(admin, f"/teams/1/members/{owner}/role", role="viewer")
    assert refused in _after(admin, f"/teams/1/members/{owner}/remove")
    assert refused in _after(admin, f"/teams/1/members/{viewer}/role", role="owner")


def test_who_is_removed_is_out_at_once(portal: Portal) -> None:
    portal.site("one.example")
    owner, viewer = portal.user("o@b.c", Role.OWNER), portal.user("v@b.c", Role.VIEWER)
    assert viewer.get("/sites/one.example").status_code == 200
    _after(owner, f"/teams/1/members/{number_of(portal, 'v@b.c')}/remove")
    assert viewer.get("/sites/one.example").status_code == 404


def test_a_team_goes_with_its_sites_after_seven_days_unless_kept(portal: Portal) -> None:
    portal.site("one.example", team="Blue")
    owner = portal.user("a@b.c", Role.OWNER, team="Blue")
    with portal.database.reading() as session:
        team = session.scalar(select(Team.id).where(Team.name == "Blue"))
    assert "Nothing was deleted" in _after(owner, f"/teams/{team}/delete", name="Red")
    assert "seven days" in _after(owner, f"/teams/{team}/delete", name="Blue")
    assert "stays" in _after(owner, f"/teams/{team}/keep")
    _after(owner, f"/teams/{team}/delete", name="Blue")
    with portal.database.writing() as session:
        assert not members.has_due_teams(session, NOW)
        assert members.end_due_teams(session, NOW) == []
        assert members.has_due_teams(session, NOW + members.WAITING)
        assert members.end_due_teams(session, NOW + members.WAITING) == ["Blue"]
        assert list_sites(session) == []


def test_the_first_team_keeps_its_name_and_stays(portal: Portal) -> None:
    owner = portal.user("a@b.c", Role.OWNER)
    assert "keeps its name" in _after(owner, "/teams/1/name", name="Other")
    assert "stays" in _after(owner, "/teams/1/delete", name="Default")


def test_a_site_moves_only_to_a_team_of_ones_own(portal: Portal) -> None:
    portal.site("one.example")
    portal.site("foreign.example", team="Others")
    owner = portal.user("a@b.c", Role.OWNER)
    viewer = portal.user("v@b.c", Role.VIEWER)
    owner.post("/teams", {"name": "Blue"})
    with portal.database.reading() as session:
        teams = {team.name: team.id for team in session.scalars(select(Team))}
    foreign = owner.post("/sites/one.example/move", {"team": str(teams["Others"])}, form_at="/")
    assert foreign.status_code == 404
    assert "Move to another team" in owner.get("/sites/one.example/settings").text
    moved = owner.post("/sites/one.example/move", {"team": str(teams["Blue"])}, form_at="/")
    assert moved.status_code == 302
    assert owner.get("/sites/one.example").status_code == 200
    assert viewer.get("/sites/one.example").status_code == 404


def test_nobody_hands_over_what_is_not_theirs(portal: Portal) -> None:
    portal.user("o@b.c", Role.OWNER)
    portal.user("a@b.c", Role.ADMIN)
    one, two = number_of(portal, "a@b.c"), number_of(portal, "o@b.c")
    with portal.database.writing() as session:
        with pytest.raises(CommandError):
            members.hand_over(session, 1, one, two)
        with pytest.raises(CommandError):
            members.change_role(session, 1, 99, Role.VIEWER, RIGHTS[Role.OWNER])


def test_two_who_change_a_team_at_once_leave_it_an_owner(portal: Portal) -> None:
    """Somebody leaves while the team is handed over to them; each sees what was before."""
    portal.user("a@b.c", Role.OWNER)
    portal.user("b@b.c", Role.VIEWER)
    giver, taker = number_of(portal, "a@b.c"), number_of(portal, "b@b.c")
    together = threading.Barrier(2)

    def attempt(do: Callable[[Session], None], wait: Callable[[], None]) -> str:
        try:
            with portal.database.writing() as session:
                wait()
                do(session)
                wait()
        except CommandError as error:
            return str(error)
        return ""

    def both_are_there() -> None:
        # On SQLite the other waits for the lock before it is there.
        if not portal.database.is_sqlite:
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(timeout=0.5)

    with ThreadPoolExecutor(2) as pool:
        said = list(
            pool.map(
                lambda do: attempt(do, both_are_there),
                (
                    lambda session: members.hand_over(session, 1, giver, taker),
                    lambda session: members.leave(session, 1, taker),
                ),
            )
        )
    with portal.database.reading() as session:
        owners = session.scalars(
            select(Membership.user_id).where(Membership.team_id == 1, Membership.role == Role.OWNER)
        ).all()
    assert len(owners) == 1, (owners, said)
    assert [text for text in said if text], "one of them came second and was told so"


def test_a_right_that_was_taken_away_meanwhile_does_not_count(portal: Portal) -> None:
    """What a page found out before it waited for the team is asked again afterwards."""
    owner = portal.user("a@b.c", Role.OWNER)
    second = portal.user("b@b.c", Role.OWNER)
    portal.user("c@b.c", Role.VIEWER)
    third, number = number_of(portal, "c@b.c"), number_of(portal, "b@b.c")
    real = members.hold_team

    def others_first(session: Session, team_id: int) -> None:
        real(session, team_id)
        row = session.get_one(Membership, (number, 1))
        row.role = Role.VIEWER
        session.flush()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "hold_team", others_first)
        answer = second.post(
            f"/teams/1/members/{third}/role", {"role": "owner"}, form_at="/teams/1"
        )
    assert answer.status_code == 403
    assert owner.get("/teams/1").status_code == 200
    with portal.database.reading() as session:
        assert session.get_one(Membership, (third, 1)).role == Role.VIEWER
