"""What visits are, said again in the plainest way: every event, in stream order, nothing forgotten.

Shares no code with ``edge.forwarder`` but the way a visit's id is written down.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from edge.event import VISIT_ATTRIBUTES, Event

MINUTE = 60_000


def visit_id_of(shard: int, generation: int, at: tuple[int, int], event: Event) -> int:
    numbers = (event.site_id, event.visitor, shard, generation, *at)
    packed = b"".join(number.to_bytes(8, "big") for number in numbers)
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big")


@dataclass
class ReferenceVisit:
    visit_id: int
    opener: Event
    keys: set[int] = field(default_factory=set)
    entries: list[tuple[tuple[int, int], Event]] = field(default_factory=list)

    @property
    def counted(self) -> list[Event]:
        return [event for _, event in self.entries if event.name != "engagement"]

    @property
    def start(self) -> int:
        return min(event.ts_ms for event in self.counted)

    @property
    def last_alive(self) -> int:
        return max(event.ts_ms for _, event in self.entries)

    def session(self) -> dict[str, object]:
        counted = self.counted
        end = max(event.ts_ms for event in counted)
        views = sorted(
            (event for event in counted if event.name == "pageview"), key=lambda event: event.ts_ms
        )
        custom = [event for event in counted if event.name != "pageview" and event.interactive]
        bounced = len(views) == 1 and not custom
        engaged = sum(event.engaged_ms for _, event in self.entries if event.name == "engagement")
        return {
            "site_id": self.opener.site_id,
            "visit_id": self.visit_id,
            "visitor": self.opener.visitor,
            "local_day": self.opener.local_day,
            "anchor": self.opener.ts_ms,
            "start_at": self.start,
            "end_at": end,
            "last_alive": self.last_alive,
            "entry_at": views[0].ts_ms if views else 0,
            "exit_at": views[-1].ts_ms if views else 0,
            "duration_ms": 0 if bounced else end - self.start,
            "engaged_ms": engaged,
            "pageviews": len(views),
            "events": len(counted),
            "interactive_events": len(custom),
            "is_bounce": int(bounced),
            "entry_page": views[0].path if views else "",
            "entry_hostname": views[0].hostname if views else "",
            "exit_page": views[-1].path if views else "",
            "exit_hostname": views[-1].hostname if views else "",
            **{name: getattr(self.opener, name) for name in VISIT_ATTRIBUTES},
            "last_stream_ms": self.entries[-1][0][0],
            "last_stream_seq": self.entries[-1][0][1],
        }


def replay(
    entries: Iterable[tuple[tuple[int, int], Event]],
    shard: int,
    generation: int,
    erasures: Mapping[int, Callable[[Event], bool]] | None = None,
) -> tuple[list[ReferenceVisit], int]:
    """Return the visits in the order in which they were opened, and how many events had none.

    ``erasures`` say what is erased once so many entries are in.
    """
    visits: list[ReferenceVisit] = []
    watermark = homeless = 0
    for n, (at, event) in enumerate(entries):
        if erasures and n in erasures:
            visits = erase(visits, erasures[n])
        watermark = max(watermark, event.ts_ms)
        hashes = {event.visitor, event.previous} - {0}
        reachable = [
            (max(visit.start - event.ts_ms, event.ts_ms - visit.last_alive, 0), visit.start, i)
            for i, visit in enumerate(visits)
            if visit.opener.site_id == event.site_id and visit.keys & hashes
        ]
        reachable = [candidate for candidate in reachable if candidate[0] <= 30 * MINUTE]
        if reachable and event.ts_ms >= watermark - 90 * MINUTE:
            visit = visits[min(reachable)[2]]
        elif event.name == "engagement":
            homeless += 1
            continue
        else:
            visit = ReferenceVisit(visit_id_of(shard, generation, at, event), event)
            visits.append(visit)
        visit.keys |= hashes
        visit.entries.append((at, event))
    return visits, homeless


def erase(visits: list[ReferenceVisit], is_meant: Callable[[Event], bool]) -> list[ReferenceVisit]:
    """Take events away; a visit that only engagement is left of goes whole."""
    for visit in visits:
        visit.entries = [entry for entry in visit.entries if not is_meant(entry[1])]
    return [visit for visit in visits if visit.counted]


def expected_sessions(
    entries: Iterable[tuple[tuple[int, int], Event]], shard: int, generation: int
) -> list[dict[str, object]]:
    visits, _ = replay(entries, shard, generation)
    return sorted((visit.session() for visit in visits), key=lambda row: str(row["visit_id"]))
