"""What the command line and the views do to accounts and sites."""

import pytest

from edge.sites import render_snapshot
from portal import commands
from portal.commands import CommandError, SiteExistsError
from portal.database import Database
from portal.models import ApiToken, Role, User
from portal.sites.fields import FieldError


def test_an_administrator_owns_the_default_team(database: Database) -> None:
    with database.writing() as session:
        user = commands.add_user(session, " Ada@Example.org ", "plum harbour slow", admin=True)
        assert user.email == "ada@example.org"
        assert user.is_admin
        assert [(m.team.name, m.role) for m in user.memberships] == [("Default", Role.OWNER)]
        assert user.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [("not an address", "plum harbour slow", "email"), ("a@b.c", "short", "password")],
)
def test_a_bad_account_is_refused_with_its_field(
    database: Database, email: str, password: str, field: str
) -> None:
    with database.writing() as session, pytest.raises(CommandError) as caught:
        commands.add_user(session, email, password)
    assert caught.value.field == field


def test_an_address_has_one_account(database: Database) -> None:
    with database.writing() as session:
        commands.add_user(session, "a@b.c", "plum harbour slow")
        with pytest.raises(CommandError, match="already"):
            commands.add_user(session, "A@B.C", "plum harbour slow")


@pytest.mark.parametrize(
    "email",
    ["a@b.c,d", "a,d@b.c", "<a@b.c>", '"a"@b.c', "a@b.c;d", "a:b@c.d", "a\\@b.c", "a@b@c.d"],
)
def test_an_address_is_one_address(email: str) -> None:
    """A list of them, or a name around one, would be mail to more people than one."""
    assert not commands.is_email(email)
    assert commands.is_email("o'neil+news@sub.example-1.org")


def test_a_site_prints_what_the_contract_says(database: Database) -> None:
    with database.writing() as session:
        site = commands.add_site(
            session, "Shop.Example.:8080", "https://10.0.0.5:8443/", timezone="Europe/Paris"
        )
        row = commands.site_row(site)
    assert set(row) == {"id", "host", "public_key", "upstream", "timezone"}
    assert row["host"] == "shop.example"
    assert row["upstream"] == "https://10.0.0.5:8443"
    assert row["public_key"].startswith("stk_")


def test_no_two_sites_share_a_name_be_it_host_or_alias(database: Database) -> None:
    with database.writing() as session:
        commands.add_site(session, "one.example", "http://a:1", aliases=["uno.example"])
        for host, aliases, field in (
            ("one.example", [], "host"),
            ("UNO.example", [], "host"),
            ("two.example", ["one.example"], "aliases"),
        ):
            with pytest.raises(SiteExistsError) as caught:
                commands.add_site(session, host, "http://a:1", aliases=aliases)
            assert caught.value.field == field


def test_an_unknown_team_is_refused(database: Database) -> None:
    with database.writing() as session, pytest.raises(CommandError, match="no team"):
        commands.add_site(session, "one.example", "http://a:1", team="Nobody")


def test_an_id_is_never_given_again(database: Database) -> None:
    with database.writing() as session:
        first = commands.add_site(session, "one.example", "http://a:1")
        gone = first.id
        commands.remove_site(session, first)
    with database.writing() as session:
        assert commands.add_site(session, "one.example", "http://a:1").id > gone


def test_what_is_published_an_edge_accepts(database: Database) -> None:
    with database.writing() as session:
        commands.add_site(session, "one.example", "http://a:1", aliases=["b.example", "a.example"])
        commands.add_site(session, "[::1]", "http://[::1]:3000", timezone="America/New_York")
    with database.reading() as session:
        payload = commands.sites_payload(session)
    render_snapshot(1, payload)
    assert [site["host"] for site in payload] == ["one.example", "[::1]"]
    assert payload[0]["aliases"] == ["b.example", "a.example"]


def test_aliases_can_be_replaced_but_not_taken(database: Database) -> None:
    with database.writing() as session:
        site = commands.add_site(session, "one.example", "http://a:1", aliases=["old.example"])
        commands.add_site(session, "two.example", "http://a:1")
        commands.update_aliases(session, site, ["new.example", "ONE.example"])
        assert site.aliases == ["new.example"]
        with pytest.raises(SiteExistsError):
            commands.update_aliases(session, site, ["two.example"])


def test_a_token_is_kept_only_as_a_hash(database: Database) -> None:
    with database.writing() as session:
        commands.add_user(session, "a@b.c", "plum harbour slow", admin=True)
        commands.add_site(session, "one.example", "http://a:1")
        text = commands.create_token(session, "a@b.c", "one.example", ["stats:read"])
        token = commands.find_token(session, text)
        assert token is not None
        assert text not in (token.token_hash, *token.scopes)
        assert session.query(ApiToken).count() == 1


@pytest.mark.parametrize(
    ("email", "host", "scopes", "field"),
    [
        ("x@y.z", "one.example", ["stats:read"], "email"),
        ("a@b.c", "two.example", ["stats:read"], "host"),
        ("a@b.c", "one.example", ["everything"], "scopes"),
        ("a@b.c", "one.example", [], "scopes"),
        ("viewer@b.c", "one.example", ["stats:read"], "host"),
    ],
)
def test_no_token_without_account_site_scope_and_right(
    database: Database, email: str, host: str, scopes: list[str], field: str
) -> None:
    with database.writing() as session:
        commands.add_user(session, "a@b.c", "plum harbour slow", admin=True)
        commands.add_user(session, "viewer@b.c", "plum harbour slow")
        commands.add_site(session, "one.example", "http://a:1")
        with pytest.raises(FieldError) as caught:
            commands.create_token(session, email, host, scopes)
    assert caught.value.field == field


def test_the_setup_link_opens_once_and_only_for_the_first(database: Database) -> None:
    with database.writing() as session:
        older = commands.setup_link(session)
        link = commands.setup_link(session)
        assert older
        assert link
        token = link.partition("token=")[2]
        assert not commands.is_setup_link(session, older.partition("token=")[2])
        assert commands.is_setup_link(session, token)
        assert commands.consume_setup_link(session, token, "a@b.c", "plum harbour slow").is_admin
        assert commands.has_users(session)
        assert session.query(User).count() == 1
        assert not commands.is_setup_link(session, token)
        assert commands.setup_link(session) is None
        with pytest.raises(CommandError, match="used"):
            commands.consume_setup_link(session, token, "b@b.c", "plum harbour slow")
