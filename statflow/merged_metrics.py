"""One Prometheus exposition out of several workers'.

Counters and histograms are summed, what a worker counted before it died included; everything else
gets a label ``worker``, because a sum of, say, start times means nothing. Fetching the texts is
``statflow.workers``. The one invariant: a sum never goes down while the parent lives, whichever
worker dies or does not answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

type _Key = tuple[str, tuple[tuple[str, str], ...]]

_SUMMED = frozenset({"counter", "histogram", "summary"})
_CREATED = "_created"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(slots=True)
class _Worker:
    """What a worker's present process said last."""

    process: int
    families: list[Metric] = field(default_factory=list)


class MergedMetrics:
    """The workers' metrics so far."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self._ended: list[Metric] = []
        """Sums of processes that are gone."""

    def take(self, worker: str, process: int, text: str) -> None:
        """Remember what a worker's process says now; another process means the last one ended."""
        known = self._workers.get(worker)
        if known is not None and known.process != process:
            self._ended = _summed([*self._ended, *known.families])
        families = [
            family
            for family in text_string_to_metric_families(text)
            if not family.name.endswith(_CREATED)
        ]
        self._workers[worker] = _Worker(process, families)

    def render(self) -> bytes:
        """Write the exposition."""
        living = [family for worker in self._workers.values() for family in worker.families]
        lines = [line for family in _summed([*self._ended, *living]) for line in _text(family, [])]
        labelled: dict[str, list[str]] = {}
        for name, worker in self._workers.items():
            for family in worker.families:
                if family.type not in _SUMMED:
                    text = labelled.setdefault(family.name, [])
                    text += _text(family, [("worker", name)], headed=not text)
        return "\n".join(
            [*lines, *(line for text in labelled.values() for line in text), ""]
        ).encode()


def _summed(families: Iterable[Metric]) -> list[Metric]:
    """Add up counters and histograms of the same name; leave out the rest."""
    kinds: dict[str, Metric] = {}
    sums: dict[str, dict[_Key, float]] = {}
    for family in families:
        if family.type not in _SUMMED:
            continue
        kinds.setdefault(family.name, family)
        values = sums.setdefault(family.name, {})
        for sample in family.samples:
            if not sample.name.endswith(_CREATED):
                key = (sample.name, tuple(sample.labels.items()))
                values[key] = values.get(key, 0.0) + sample.value
    merged = []
    for name, family in kinds.items():
        total = Metric(name, family.documentation, family.type)
        for (sample_name, labels), value in sums[name].items():
            total.add_sample(sample_name, dict(labels), value)
        merged.append(total)
    return merged


def _text(family: Metric, extra: list[tuple[str, str]], *, headed: bool = True) -> list[str]:
    """Write a family in Prometheus' text format; a counter's header carries its suffix."""
    name = f"{family.name}_total" if family.type == "counter" else family.name
    kind = "untyped" if family.type == "unknown" else family.type
    lines = []
    if headed:
        said = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
        lines = [f"# HELP {name} {said}", f"# TYPE {name} {kind}"]
    for sample in family.samples:
        pairs = [*sample.labels.items(), *extra]
        inner = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in pairs)
        lines.append(f"{sample.name}{f'{{{inner}}}' if inner else ''} {sample.value!r}")
    return lines
