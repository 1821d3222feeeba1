"""The main graph as it stands in the page: an SVG without a script, whole until the library comes.

Pure. Places are percents of the plot, from its left and from its top. The one invariant: the scale
is decided here and ``static/js/chart.js`` keeps it, so nothing moves when the library takes over.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from portal.dashboard.figures import Value, plain, short

_LEVELS = 4
_MOST_TICKS = 8
_STEPS_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 21_600, 43_200, 86_400),
)
_STEPS = (1, 2, 3, 5, 10)

type Amounts = Sequence[int | float | None]


@dataclass(frozen=True, slots=True)
class Scale:
    """The vertical axis: its end, the step between its lines, and their labels from 0 up."""

    top: float
    step: float
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Still:
    """Outlines of paths, labels from the top down, and labels below with their places."""

    now: str
    area: str
    present: str
    before: str
    levels: list[tuple[float, str]]
    ticks: list[tuple[float, str]]
    flags: list[float]
    dot: tuple[float, float] | None


def scale_of(now: Sequence[Value], before: Sequence[Value], unit: str) -> Scale:
    """Find an axis from 0 that holds both series and has about four lines at round values."""
    most = max([plain(value) or 0 for value in (*now, *before)], default=0) or 1
    step = _step(most / _LEVELS, unit)
    count = ceil(round(most / step, 9))
    currency = next((value["currency"] for value in now if isinstance(value, dict)), "")
    values = [round(i * step, 9) for i in range(count + 1)]
    return Scale(
        top=values[-1],
        step=step,
        texts=[
            short({"value": value, "currency": currency} if currency else value, unit)
            for value in values
        ],
    )


def _step(least: float, unit: str) -> float:
    if unit == "seconds" and least <= _STEPS_S[-1]:
        return next(step for step in _STEPS_S if step >= least)
    size = 10.0 ** floor(log10(least))
    step = next(step for step in _STEPS if round(step * size, 9) >= least) * size
    return max(step, 1) if unit in {"count", "seconds"} else step


def tick_every(count: int) -> int:
    """Tell which of so many buckets have a label: each, or every second, third and so on."""
    return 1 if count <= _MOST_TICKS else ceil((count - 1) / (_MOST_TICKS - 1))


def draw_still(
    labels: Sequence[str],
    now: Amounts,
    before: Amounts,
    scale: Scale,
    *,
    present: bool = False,
    notes: Collection[int] = (),
) -> Still:
    """Draw one metric; with ``present`` the last bucket is not over and its line is dashed.

    ``notes`` are the buckets in which something was noted.
    """
    count = len(now)
    over = [*now[:-1], None] if present and count > 1 else now
    every = tick_every(count)
    lines = len(scale.texts) - 1
    return Still(
        now=_path(over, scale.top),
        area=_path(over, scale.top, closed=True),
        present=_path([None] * (count - 2) + list(now[-2:]), scale.top) if over != now else "",
        before=_path(before[:count], scale.top, of=count),
        levels=[(100 - 100 * i / lines, scale.texts[i]) for i in range(lines, -1, -1)],
        ticks=[(_across(i, count), labels[i]) for i in range(0, count, every)],
        flags=[_across(i, count) for i in sorted(notes)],
        dot=(0, _down(now[0], scale.top)) if count == 1 and now[0] is not None else None,
    )


def _across(i: int, count: int) -> float:
    return round(100 * i / max(count - 1, 1), 2)


def _down(value: float, top: float) -> float:
    return round(100 - 100 * value / top, 2)


def _path(values: Amounts, top: float, of: int = 0, *, closed: bool = False) -> str:
    """Write each unbroken run of values as a line, or as the area between it and the axis."""
    runs: list[list[tuple[float, float]]] = [[]]
    for i, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((_across(i, of or len(values)), _down(value, top)))
    drawn = []
    for run in runs:
        if len(run) > 1:
            line = "M" + "L".join(f"{x:g} {y:g}" for x, y in run)
            drawn.append(f"{line}V100H{run[0][0]:g}Z" if closed else line)
    return "".join(drawn)
