"""Turn the links of journeys into what a Sankey drawing and its table need. Pure.

A journey ``to`` somewhere is answered backwards; both are drawn in the order of time. The one
invariant: a node is as large as the visits that pass it, those that end there included, so that
what flows on is less by what stopped.
"""

from dataclasses import dataclass
from typing import Any

from portal.language import N_, _, ngettext
from portal.writing import number

OTHERS = N_("Other pages")


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
    drawn = []
    for link in links:
        here = (link["step"], link["source"] or OTHERS)
        there = (link["step"] + 1, link["target"] or OTHERS)
        sizes[here] = sizes.get(here, 0) + link["visits"]
        if link["ends"]:
            ended[here] = ended.get(here, 0) + link["visits"]
            continue
        if there[0] == last:
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
    nodes = [
        {
            "name": _id(node),
            "label": _(OTHERS) if node[1] == OTHERS else node[1],
            "depth": last - node[0] if backwards else node[0] - 1,
            "value": size,
            "ended": ended.get(node, 0),
            "others": node[1] == OTHERS,
            "said": _said(size, ended.get(node, 0)),
        }
        for node, size in sizes.items()
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
