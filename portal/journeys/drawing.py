"""Turn the links of journeys into what a Sankey drawing and its table need. Pure.

A journey ``to`` somewhere is answered backwards; both are drawn in the order of time. The one
invariant: a node is as large as the visits that pass it, and up to the last step each of them flows
on to a page, to all other pages, or to where those went that left.
"""

from dataclasses import dataclass
from typing import Any

from portal.language import N_, _, ngettext
from portal.writing import number, percent

OTHERS = N_("Other pages")
LEFT = N_("Left")
_AWAY = ""
"""Where visits went that went no further; no page or event is named so."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: how many visits went from one to the next; ``ends``: no further."""

    place: int
    source: str
    target: str
    ends: bool
    visits: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nodes and links for the chart, and the same as lines."""

    nodes: list[dict[str, Any]]
    links: list[dict[str, Any]]
    lines: list[Line]

    def steps(self) -> list[list[dict[str, Any]]]:
        """Give the nodes of each step, in the order of time."""
        depths = sorted({node["depth"] for node in self.nodes})
        return [[node for node in self.nodes if node["depth"] == depth] for depth in depths]

    def data(self) -> dict[str, Any]:
        """Write it for the script, plain JSON."""
        return {"nodes": self.nodes, "links": self.links}


def draw(links: list[dict[str, Any]], *, backwards: bool) -> Drawing:
    """Draw the links of an answer."""
    if not links:
        return Drawing([], [], [])
    last = max(link["step"] + (0 if link["ends"] else 1) for link in links)
    sizes: dict[tuple[int, str], int] = {}
    ended: dict[tuple[int, str], int] = {}
    left: dict[tuple[int, str], int] = {}
    drawn = []
    for link in links:
        here = (link["step"], link["source"] or OTHERS)
        there = (link["step"] + 1, link["target"] or OTHERS)
        sizes[here] = sizes.get(here, 0) + link["visits"]
        if link["ends"]:
            ended[here] = ended.get(here, 0) + link["visits"]
            if backwards or there[0] > last:
                continue
            there = (there[0], _AWAY)
            left[there] = left.get(there, 0) + link["visits"]
        elif there[0] == last:
            sizes[there] = sizes.get(there, 0) + link["visits"]
        ends = (there, here) if backwards else (here, there)
        drawn.append(
            {
                "source": _id(ends[0]),
                "target": _id(ends[1]),
                "value": link["visits"],
                "said": _said(link["visits"], 0),
            }
        )
    steps: dict[int, int] = {}
    for (step, _name), size in (sizes | left).items():
        steps[step] = steps.get(step, 0) + size
    nodes = [
        {
            "name": _id(node),
            "label": _label(node[1]),
            "depth": last - node[0] if backwards else node[0] - 1,
            "value": size,
            "share": percent(100 * size / steps[node[0]], 0),
            "count": number(size),
            "ended": ended.get(node, 0),
            "others": node[1] == OTHERS,
            "left": node in left,
            "said": _said(size, ended.get(node, 0)),
        }
        for node, size in sorted((sizes | left).items(), key=lambda item: _rank(*item))
    ]
    lines = [
        Line(
            link["step"],
            link["source"] or _(OTHERS),
            "" if link["ends"] else link["target"] or _(OTHERS),
            link["ends"],
            link["visits"],
        )
        for link in links
    ]
    return Drawing(nodes, drawn, lines)


def _label(name: str) -> str:
    if name == _AWAY:
        return _(LEFT)
    return _(OTHERS) if name == OTHERS else name


def _rank(node: tuple[int, str], size: int) -> tuple[int, bool, bool, int]:
    """Order nodes: by step, the largest first, the rest and those who left at the end."""
    return node[0], node[1] == _AWAY, node[1] == OTHERS, -size


def _said(visits: int, ended: int) -> list[str]:
    """Say how many passed, and how many of them went no further."""
    said = [ngettext("%(count)s visit", "%(count)s visits", visits, count=number(visits))]
    if ended:
        said.append(
            ngettext(
                "%(count)s visit no further",
                "%(count)s visits no further",
                ended,
                count=number(ended),
            )
        )
    return said


def _id(node: tuple[int, str]) -> str:
    return f"{node[0]} {node[1]}"
