"""Every route at a portal beside a PostgreSQL that lets it read and nothing else."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from portal.errors import is_question
from portal.models import Base
from tests.portal.access.walk import Ask, asks, send
from tests.portal.access.world import ListeningStore, World, settle, surroundings
from tests.portal.conftest import new_portal
from tests.support.databases import prepare
from tests.support.postgres_server import PostgresServer

CALLERS = ("owner", "administrator", "anonymous", "token_stats:read", "reader_with_password")


@dataclass(frozen=True)
class Pair:
    """The same accounts at the main portal, and at one whose role of PostgreSQL may only read."""

    main: World
    shows: World


@pytest.fixture(scope="module")
def pair(postgres: PostgresServer) -> Iterator[Pair]:
    url = postgres.create()
    prepare(url)
    # The world's things have numbers of their own; what is added beside them comes after those.
    numbered = [table.name for table in Base.metadata.sorted_tables if "id" in table.c]
    numbers = (f"select setval(pg_get_serial_sequence('{name}', 'id'), 5000)" for name in numbered)
    postgres.execute(url, *numbers)
    store = ListeningStore()
    main = new_portal(url, store, **surroundings())
    callers = settle(main)
    postgres.execute(
        url,
        "create role reader login",
        "grant select on all tables in schema public to reader",
        "alter role reader set default_transaction_read_only = on",
    )
    shows = new_portal(
        url.replace("//postgres@", "//reader@"), store, read_only=True, **surroundings()
    )
    nothing = sqlite3.connect(":memory:")
    yield Pair(World(main, store, callers, nothing), World(shows, store, callers, nothing))
    nothing.close()
    for portal in (main, shows):
        portal.database.close()
    postgres.drop(url)


def own(world: World) -> Iterator[Ask]:
    return (ask for ask in asks(world.portal.app) if not ask.changed)


@pytest.mark.parametrize("name", CALLERS)
def test_whatever_is_read_is_read_here_as_well(pair: Pair, name: str) -> None:
    caller, different, seen = pair.main.callers[name], [], 0
    for ask in own(pair.main):
        if ask.method != "GET":
            continue
        there, here = (send(world, caller, ask) for world in (pair.main, pair.shows))
        seen += there.status_code == 200
        if there.status_code != here.status_code:
            different.append(f"{ask}: {there.status_code} there, {here.status_code} here")
    assert different == []
    assert seen > 3


@pytest.mark.parametrize("name", ["owner", "anonymous", "token_every_scope_of_a_viewer"])
def test_whatever_would_be_written_is_refused_in_words(pair: Pair, name: str) -> None:
    caller, wrong, refused = pair.main.callers[name], [], 0
    for ask in own(pair.shows):
        if ask.method == "GET":
            continue
        answer = send(pair.shows, caller, ask)
        if is_question(ask.method, ask.endpoint):
            if answer.status_code == 500:
                wrong.append(f"{ask}: 500")
            continue
        refused += 1
        word = "read_only" if ask.rule.startswith("/api/") else "only shows"
        if answer.status_code != 503 or word not in answer.get_data(as_text=True):
            wrong.append(f"{ask}: {answer.status_code}")
    assert wrong == []
    assert refused > 100
