"""Which paths are ours: plain, renamed and quiet."""

import gzip
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.collector.builds import PLACEHOLDER, script_settings
from edge.names import WEEK_S, NameBook, Names, is_neutral, known_names, list_paths, names_of
from edge.names import recognise as recognise_at
from edge.sites import FormerNames, Site
from tests.support.factories import a_site
from tracker import cores_of, newest_build

NOW = 1_767_225_600.0
DAY_S = 86_400
WORDS = re.compile(
    "track|event|collect|beacon|pixel|stat|analytics|metrics|ad|count|log|ip=|gif|[?&]"
)
SEEDS = st.text(min_size=1, max_size=40)
TIMES = st.floats(1.5e9, 4e9)
PREFIXES = st.sampled_from(["/sf", "/q", "/x/y", "/a/b/c/d"])
INNER = {"e", "p.gif", "opt-out", "tracker.js", "api/event", "api/send", "api/batch"}


def quiet(seed: str, **changes: Any) -> Site:
    return a_site(quiet_seed=seed, **changes)


def recognise(site: Site, path: str, now_s: float = NOW) -> str:
    return recognise_at(site, path, now_s)


def paths_of(names: Names) -> list[str]:
    script = names.script or f"{names.prefix}/0123456789.js"
    return [script, names.beacon, names.pixel, names.opt_out, f"{names.modules}0123456789.js"]


def test_by_default_all_lies_under_one_prefix() -> None:
    assert names_of(a_site(), NOW) == Names("/sf", None, "/sf/e", "/sf/p.gif", "/sf/m/",
                                            "/sf/opt-out")  # fmt: skip


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/x/y/e", "e"),
        ("/x/y/p.gif", "p.gif"),
        ("/x/y/p", "p.gif"),
        ("/x/y/opt-out", "opt-out"),
        ("/x/y/tracker.js", "tracker.js"),
        ("/x/y/app.js", "tracker.js"),
        ("/x/y/01234567.js", "01234567.js"),
        ("/x/y/m/01234567.js", "m/01234567.js"),
        ("/sf/e", ""),
        ("/x/y", ""),
        ("/x/y/", ""),
        ("/x/e", ""),
        ("/x/y/m/", ""),
        ("/x/y/m/app.js", ""),
        ("/x/y/app.js/", ""),
        ("/x/y/appsjs", ""),
        ("/x/y/z/01234567.js", ""),
        ("/other/x/y/e", ""),
        ("", ""),
    ],
)
def test_names_of_the_sites_choice(path: str, name: str) -> None:
    assert recognise(a_site(prefix="/x/y", script_name="app"), path) == name


@given(SEEDS, TIMES, PREFIXES)
def test_drawn_names_hold_no_word_that_lists_look_for(seed: str, now_s: float, prefix: str) -> None:
    for path in list_paths(quiet(seed, prefix=prefix), now_s):
        assert not WORDS.search(path), path
        assert is_neutral(path)
        assert re.fullmatch(r"(?:/[a-z0-9]{2,4}){2,3}(?:\.js|/)?", path)


@given(SEEDS, TIMES, PREFIXES)
def test_no_two_names_that_answer_are_alike(seed: str, now_s: float, prefix: str) -> None:
    known = known_names(quiet(seed, prefix=prefix), now_s)
    every = [path for names in known.sets for path in paths_of(names)]
    assert len(every) == len(set(every)) == 5 * 8
    folders = [names.prefix for names in known.sets]
    assert len(set(folders)) == len(folders)


@given(SEEDS, TIMES, st.floats(0, 30 * DAY_S))
def test_what_a_page_was_given_answers_for_thirty_days(
    seed: str, now_s: float, later_s: float
) -> None:
    site = quiet(seed)
    given_names = paths_of(names_of(site, now_s))
    found = [recognise(site, path, now_s + later_s) for path in given_names]
    assert found == ["tracker.js", "e", "p.gif", "opt-out", "m/0123456789.js"]


@given(SEEDS, TIMES, st.floats(0, WEEK_S))
def test_an_edge_whose_clock_is_behind_knows_the_names_to_come(
    seed: str, now_s: float, behind_s: float
) -> None:
    site = quiet(seed)
    assert recognise(site, names_of(site, now_s).beacon, now_s - behind_s) == "e"


@given(SEEDS, TIMES)
def test_in_the_end_old_names_are_the_origins_again(seed: str, now_s: float) -> None:
    site = quiet(seed)
    for path in paths_of(names_of(site, now_s)):
        assert recognise(site, path, now_s + 6 * WEEK_S) == ""


@given(SEEDS, TIMES, st.text(max_size=40))
def test_what_is_not_ours_is_the_origins(seed: str, now_s: float, text: str) -> None:
    site = quiet(seed)
    names = names_of(site, now_s)
    ours = {*paths_of(names), *(f"/sf/{name}" for name in INNER)}
    for path in (
        text,
        f"/{text}",
        f"{names.prefix}/{text}",
        f"{names.beacon}{text}",
        f"{names.modules}{text}",
        names.prefix,
        names.modules,
        names.beacon.upper(),
    ):
        is_hash = re.fullmatch(r"(?:m/)?[0-9a-f]{8,12}\.js", path.rpartition("/")[2])
        assert path in ours or is_hash or recognise(site, path, now_s) == ""  # fmt: skip


@given(SEEDS, TIMES)
def test_the_configured_prefix_goes_on_answering(seed: str, now_s: float) -> None:
    site = quiet(seed, prefix="/q", script_name="app")
    for name in (*INNER, "0123456789.js", "m/0123456789.js"):
        assert recognise(site, f"/q/{name}", now_s) == name
    assert recognise(site, "/q/app.js", now_s) == "tracker.js"


def test_names_change_every_week_at_a_moment_of_the_sites_own() -> None:
    turns = set()
    for seed in "abcdefgh":
        site = quiet(seed)
        known = known_names(site, NOW)
        assert known.until_s - known.since_s == WEEK_S
        assert names_of(site, known.since_s) == names_of(site, known.until_s - 1) == known.current
        assert names_of(site, known.until_s) != known.current
        turns.add(known.until_s)
    assert len(turns) == 8


def test_the_seed_alone_says_what_the_names_are() -> None:
    """Edges of all versions must agree: another way to draw would cut cached pages off."""
    one, two = quiet("s"), quiet("s", id=9, host="other.example", mode="off")
    assert names_of(one, NOW) == names_of(two, NOW)
    assert names_of(quiet("t"), NOW) != names_of(one, NOW)
    assert names_of(quiet("statflow"), NOW).beacon == "/nu1/l2/h1"


def test_sites_look_different() -> None:
    shapes = {
        re.sub(r"\d", "0", re.sub(r"[a-z]", "x", names_of(quiet(str(n)), NOW).beacon))
        for n in range(50)
    }
    assert len(shapes) > 20


def test_a_drawn_name_gives_way_to_the_configured_prefix() -> None:
    plain = names_of(quiet("s"), NOW)
    assert names_of(quiet("s", prefix=f"{plain.prefix}"), NOW).prefix != plain.prefix


def test_a_book_says_what_is_true_now() -> None:
    time = [NOW]
    book, site = NameBook(lambda: time[0]), quiet("s")
    first = book.known(site)
    assert book.known(site) is first
    assert book.known(quiet("s")).sets is first.sets
    time[0] = first.until_s
    assert book.known(site).current == names_of(site, first.until_s)
    assert book.known(quiet("t")).current == names_of(quiet("t"), first.until_s)
    assert book.owns(site, "/sf/e")
    assert not book.owns(site, "/page")


def test_a_router_can_be_told_all_paths() -> None:
    assert list_paths(a_site(), NOW) == []
    site = quiet("s")
    paths = list_paths(site, NOW, weeks_ahead=4)
    assert len(paths) == 10 * 5
    for names in known_names(site, NOW + 3 * WEEK_S).sets[:-1]:
        assert {*paths_of(names)[:-1], names.modules} <= {*paths}


def test_every_script_that_answers_means_a_tagged_page() -> None:
    known = known_names(quiet("s", prefix="/q", script_name="app"), NOW)
    assert [*known.scripts] == [names.script for names in known.sets] + ["/q/"]


def test_names_leave_the_scripts_budget_alone() -> None:
    """Whatever the seed, and with every switch in it: 1,536 bytes (tracker/ARCHITECTURE.md)."""
    source = cores_of(newest_build())["downloads+forms+hash"]
    sizes = []
    for number in range(1_500):
        site = quiet(f"seed {number}", respect_dnt=False, kept_params=["id"])
        settings = script_settings(site, names_of(site, NOW + number * DAY_S))
        sizes.append(len(gzip.compress(source.replace(PLACEHOLDER, settings), 9, mtime=0)))
    assert max(sizes) <= 1_536


def former(until_s: float = NOW + 30 * DAY_S, **names: str) -> FormerNames:
    return FormerNames(**{"prefix": "/sf", "script_name": "", "quiet_seed": "", **names},
                       until_s=int(until_s))  # fmt: skip


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (former(), a_site(prefix="/new")),
        (former(script_name="menu"), a_site()),
        (former(quiet_seed="old"), a_site()),
        (former(quiet_seed="old", prefix="/q"), a_site(quiet_seed="new", prefix="/r")),
    ],
)
def test_names_given_up_answer_for_their_time(was: FormerNames, now: Site) -> None:
    before = replace(now, prefix=was.prefix, script_name=was.script_name, quiet_seed=was.quiet_seed)
    after = replace(now, former_names=(was,))
    for path in paths_of(names_of(before, NOW)):
        inner = recognise(before, path)
        assert inner
        assert recognise(after, path) == inner
        assert recognise(after, path, was.until_s - 1) == inner
    for path in set(paths_of(names_of(before, NOW))) - set(paths_of(names_of(now, NOW))):
        at_end = recognise(after, path, was.until_s)
        assert at_end in {"", recognise(now, path, was.until_s)}
    assert names_of(after, NOW) == names_of(now, NOW)


@pytest.mark.parametrize(
    ("today", "was", "path", "prefix"),
    [
        ({"prefix": "/a/m"}, {"prefix": "/a"}, "/a/m/0123456789.js", "/a/m"),
        ({"prefix": "/a"}, {"prefix": "/a/m"}, "/a/m/0123456789.js", "/a"),
        ({}, {"script_name": "0123456789"}, "/sf/0123456789.js", "/sf"),
        ({"prefix": "/a"}, {"prefix": "/a/m", "script_name": "deadbeef"}, "/a/m/deadbeef.js", "/a"),
    ],
)
def test_a_former_name_takes_no_path_of_another_endpoint(
    today: dict[str, str], was: dict[str, str], path: str, prefix: str
) -> None:
    now = a_site(**today)
    after = replace(now, former_names=(former(**was),))
    found = known_names(after, NOW).find(path)
    assert found is not None
    assert found.names.prefix == prefix
    assert found == known_names(now, NOW).find(path)


@given(SEEDS, SEEDS, TIMES)
def test_no_former_name_changes_what_todays_names_lead_to(
    seed: str, old: str, now_s: float
) -> None:
    now = quiet(seed)
    after = replace(now, former_names=(former(now_s + DAY_S, quiet_seed=old, prefix="/x"),))
    for path in known_names(now, now_s)._today.exact:
        assert recognise(after, path, now_s) == recognise(now, path, now_s) != ""


def test_a_site_keeps_its_former_names_to_itself() -> None:
    book = NameBook(lambda: NOW)
    one = replace(a_site(prefix="/q"), former_names=(former(quiet_seed="old", prefix="/was"),))
    other = a_site(id=2, host="other.example")
    assert book.owns(one, "/was/e")
    assert not any(book.owns(other, path) for path in (*list_paths(one, NOW), "/was/e", "/q/e"))


def test_a_change_of_names_dates_what_is_known() -> None:
    site = replace(a_site(prefix="/q"), former_names=(former(NOW + 20 * DAY_S),))
    known = known_names(site, NOW)
    assert (known.since_s, known.until_s) == (NOW - 10 * DAY_S, NOW + 20 * DAY_S)


def test_a_name_of_today_goes_before_a_former_one() -> None:
    site = replace(a_site(prefix="/q", script_name="e"), former_names=(former(prefix="/q"),))
    assert recognise(site, "/q/e.js") == "tracker.js"
    assert recognise(site, "/q/e") == "e"


def test_a_router_is_told_of_former_names() -> None:
    was = former(quiet_seed="old", prefix="/was")
    site = replace(a_site(prefix="/q"), former_names=(was,))
    drawn = list_paths(quiet("old", prefix="/was"), NOW)
    assert sorted(list_paths(site, NOW)) == sorted(drawn)
    assert list_paths(site, was.until_s) == []


def test_a_name_book_forgets_former_names_in_time() -> None:
    clock = [NOW]
    book = NameBook(lambda: clock[0])
    site = replace(a_site(prefix="/q"), former_names=(former(),))
    assert book.owns(site, "/sf/e")
    assert book.known(site).scripts == ("/q/", "/sf/")
    clock[0] += 30 * DAY_S
    assert not book.owns(site, "/sf/e")
    assert book.owns(site, "/q/e")
