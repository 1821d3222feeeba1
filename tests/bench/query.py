"""``make bench-query``: the questions of the dashboard's first page over millions of events.

Asked as the dashboard asks (parsed, planned, over HTTP, its answer read), each ``--rounds`` times
in turn; medians are told by the clock and by the processor time of store and client together,
which other work on the machine disturbs least. Beside them the plain Plausible-shaped schema on the
same engine with the same visits. No answer is remembered; which days are rolled up is, as it is
within a second of another question. Writes ``build/bench/query.json``. Source of the budgets:
DESIGN 11.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import clock_gettime, perf_counter, process_time
from typing import Any

from portal.dashboard import questions
from portal.dashboard.cards import CARDS, GOALS, MAP, MISSING, PROPERTIES, Tab
from portal.dashboard.filters import Chip
from portal.dashboard.lists import COUNTRIES
from portal.dashboard.periods import Days, intervals_for
from portal.dashboard.questions import Asker
from portal.dashboard.state import State
from statflow.output import print_table
from store.client import Store
from store.query.model import QuerySite
from store.query.remembered import Answers, Remembering, Rows
from store.query.rolled import CLEAN
from store.query.run import LIMITS
from tests.bench.query_data import LAST_DAY, SITE_ID, Size, fill
from tests.bench.report import Ratio, print_ratios, say, write_report
from tests.support.store_process import running_store

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
PAGE = Chip("is", "page", ("/page/7",))
COUNTRY = Chip("is", "country", ("DE",))
FILTERS: dict[str, tuple[str, tuple[Chip, ...]]] = {
    "none": ("", ()),
    "page": ("page", (PAGE,)),
    "country": ("country", (COUNTRY,)),
}
_SCHEDULED = 2
"""Kind of a process' clock: the time that its threads ran, as clock_getcpuclockid(3) numbers it."""
CARD_MS, ALL_MS, FILTERED_MS = 100, 500, 300
FIFTY_MILLION = 50_000_000
ELSEWHERE = frozenset({GOALS, PROPERTIES, MISSING})
"""Lists of which this site has nothing: no goals, no properties, no documents."""

type Ask = Callable[[], object]


class WithoutRollups:
    """The same store, in which no day is rolled up."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def query(self, sql: str, params: Any = None, *, settings: Any = None) -> list[tuple[Any, ...]]:
        """Ask, but for builds."""
        if sql == CLEAN:
            return []
        return self._store.query(sql, params, settings=settings)


class AskedFirst(Answers):
    """Remembers what every question asks first, and no answer."""

    def keep(self, key: tuple[Any, ...], rows: Rows) -> None:
        """Remember which days are rolled up and what was imported."""
        if key[1] == CLEAN or "from imports" in key[1]:
            super().keep(key, rows)


@dataclass(frozen=True, slots=True)
class Row:
    """One question and its medians."""

    shape: str
    days: int
    filtered: str
    question: str
    median_ms: float
    median_cpu_ms: float


@dataclass(slots=True)
class Spent:
    """Milliseconds of each round of one question, by the clock and by the processors."""

    clock: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=90, help="days that the events lie in")
    parser.add_argument("--rounds", type=int, default=5, help="times each is asked")
    parser.add_argument("--filters", nargs="+", default=list(FILTERS), choices=list(FILTERS))
    options = parser.parse_args()
    LIMITS["max_execution_time"] = 600  # A busy machine is measured too.
    size = Size(options.events, options.days)
    folder = Path(f"build/bench/query-{size.events}-{size.days}")
    folder.mkdir(parents=True, exist_ok=True)
    with running_store(folder, memory_bytes=6 << 30) as process:
        store = Store(process.url)
        stored = fill(store, size, say)
        cpu_s = partial(_cpu_s, process.process.pid)
        rows = _measure(store, size, options.rounds, options.filters, cpu_s)
        store.close()
    _report(rows, stored, size)


def _cpu_s(store_pid: int) -> float:
    """Sum the processor time of the store and of this process, to the nanosecond."""
    return process_time() + clock_gettime((~store_pid << 3) | _SCHEDULED)


def _measure(
    store: Store, size: Size, rounds: int, filters: list[str], cpu_s: Callable[[], float]
) -> list[Row]:
    rows = []
    answers = AskedFirst(fresh_s=3600)
    for days in sorted({30, size.days}):
        for choice in filters:
            name, chips = FILTERS[choice]
            asks = {
                ("ours", what): ask
                for what, ask in _ours(Remembering(store, answers), days, chips).items()
            }
            raw = _ours(WithoutRollups(store), days, chips) if not name else {}
            asks |= {("raw", what): ask for what, ask in raw.items()}
            plain = _plain(store, days, name)
            asks |= {("plain", what): ask for what, ask in plain.items()}
            for (shape, what), spent in _timed(asks, rounds, f"{days} days {name}", cpu_s).items():
                clock, cpu = round(median(spent.clock), 1), round(median(spent.cpu), 1)
                rows.append(Row(shape, days, name, what, clock, cpu))
    return rows


def _timed[Key](
    asks: dict[Key, Ask], rounds: int, title: str, cpu_s: Callable[[], float]
) -> dict[Key, Spent]:
    """Ask each once to warm up, then all in turn, so that a slow moment of the machine hits all."""
    taken = {key: Spent() for key in asks}
    for turn in range(rounds + 1):
        for key, ask in asks.items():
            say(f"{title}: {key} ({turn} of {rounds})")
            began, began_cpu = perf_counter(), cpu_s()
            ask()
            if turn:
                taken[key].clock.append(1000 * (perf_counter() - began))
                taken[key].cpu.append(1000 * (cpu_s() - began_cpu))
    return taken


def _ours(store: Any, days: int, chips: tuple[Chip, ...]) -> dict[str, Ask]:
    asker = Asker(store, QuerySite(SITE_ID, "shop.example", "UTC"), NOW)
    last = date.fromisoformat(LAST_DAY)
    spent = Days(date.fromordinal(last.toordinal() - days + 1), last)
    state = State(
        period="custom", days=spent, today=NOW.date(), comparison="previous", metric="visitors",
        interval=intervals_for(spent)[0], chips=chips, tabs={},
    )  # fmt: skip
    alone = replace(state, comparison="off")
    bodies = {
        "headline": questions.headline(alone),
        "headline compared": questions.headline(state),
        "by day": questions.series(alone),
        "by day compared": questions.series(state),
        **{
            f"{card.name}: {tab.name}": _rows(state, tab)
            for card in CARDS.values()
            for tab in card.tabs
            if tab.kind not in ELSEWHERE
        },
    }
    return {what: lambda body=body: asker.ask(body) for what, body in bodies.items()}  # type: ignore[misc]


def _rows(state: State, tab: Tab) -> dict[str, Any]:
    limit = COUNTRIES if tab.kind == MAP else questions.ROWS
    return questions.rows(state, tab, tab.metrics, limit)


def _plain(store: Store, days: int, filtered: str) -> dict[str, Ask]:
    """Ask the plain shape for the same in the way that Plausible does."""
    last = date.fromisoformat(LAST_DAY).toordinal()
    params = {
        "site": SITE_ID,
        "first": str(date.fromordinal(last - days + 1)),
        "end": str(date.fromordinal(last + 1)),
    }
    where = (
        "site_id = {site:UInt64} and %s >= toDateTime({first:String}, 'UTC')"
        " and %s < toDateTime({end:String}, 'UTC')"
    )
    events, sessions = where % ("timestamp", "timestamp"), where % ("start", "start")
    extra = {"": ("", ""), "page": (" and pathname = '/page/7'", " and entry_page = '/page/7'"),
             "country": (" and country = 'DE'",) * 2}[filtered]  # fmt: skip
    events, sessions = events + extra[0], sessions + extra[1]
    of_visits = (
        "sum(sign), sum(sign * is_bounce) / sum(sign), sum(sign * duration) / sum(sign),"
        " sum(sign * pageviews) / sum(sign)"
    )
    texts = {
        "headline": (
            f"select * from (select uniq(user_id), countIf(name = 'pageview') from plain_events"
            f" where {events}) as a cross join (select {of_visits} from plain_sessions"
            f" where {sessions}) as b"
        ),
        "by day": (
            f"select toDate(timestamp) as d, uniq(user_id), countIf(name = 'pageview')"
            f" from plain_events where {events} group by d order by d"
        ),
        "pages: top": _plain_list("pathname", "plain_events", events),
    }
    for name, column in (("sources: sources", "source"), ("places: countries", "country")):
        by_event = filtered == "page"
        texts[name] = _plain_list(
            column, *(("plain_events", events) if by_event else ("plain_sessions", sessions))
        )
    return {what: lambda text=text: store.query(text, params) for what, text in texts.items()}  # type: ignore[misc]


def _plain_list(column: str, table: str, where: str) -> str:
    return (
        f"select {column}, uniq(user_id) as n, n / (select uniq(user_id) from {table}"
        f" where {where}) from {table} where {where} group by {column} order by n desc limit 9"
    )


def _report(rows: list[Row], stored: int, size: Size) -> None:
    print_table([
        ["shape", "days", "filter", "question", "ms", "CPU ms"],
        *(
            [r.shape, str(r.days), r.filtered, r.question, f"{r.median_ms:.0f}",
             f"{r.median_cpu_ms:.0f}"]
            for r in rows
        ),
    ])  # fmt: skip
    ratios = _ratios(rows, 5 if size.events < FIFTY_MILLION else 20)
    print_ratios(ratios)
    document: list[Mapping[str, Any]] = [
        asdict(row) | {"events": stored, "span_days": size.days} for row in rows
    ]
    write_report(Path("build/bench/query.json"), document, ratios)


def _ratios(rows: list[Row], unfiltered: int) -> list[Ratio]:
    """Compare with the budgets over 30 days, and with the plain shape wherever both were asked.

    ``unfiltered`` is how many times cheaper in processor time a question without filter is to be.
    """
    first = {f"{card.name}: {card.tabs[0].name}" for card in CARDS.values()}
    shown = {"headline compared", "by day compared"} | first
    ours = [row for row in rows if row.shape == "ours" and row.days == 30]
    plain = {(r.days, r.filtered, r.question): r for r in rows if r.shape == "plain"}
    page = [row.median_ms for row in ours if not row.filtered and row.question in shown]
    ratios = [
        Ratio("slowest card of the first page, ms", max(page), CARD_MS, at_most=True),
        Ratio("all of the first page, ms", sum(page), ALL_MS, at_most=True),
        Ratio(
            "slowest filtered card, ms",
            max((row.median_ms for row in ours if row.filtered), default=0.0),
            FILTERED_MS,
            at_most=True,
        ),
    ]
    for row in rows:
        other = plain.get((row.days, row.filtered, row.question))
        if row.shape == "ours" and other:
            what = " ".join(f"{row.days} days {row.filtered} {row.question}".split())
            clock, cpu = other.median_ms / row.median_ms, other.median_cpu_ms / row.median_cpu_ms
            ratios.append(Ratio(f"plain / ours, {what}", clock, 1))
            budget = 1 if row.filtered else unfiltered
            ratios.append(Ratio(f"plain / ours, {what}, CPU", cpu, budget))
    return ratios


if __name__ == "__main__":
    main()
