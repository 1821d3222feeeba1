"""``statflow doctor``: look at every part and say in one line what is right or what to do.

It only looks; it changes nothing. Each check is one function that returns findings, listed in
``CHECKS`` in the order of the data's way.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.buffer.beside import BufferAwayError, open_beside
from edge.buffer.durability import check_durability
from edge.buffer.scripts import connect
from edge.forwarder.dead_letters import DeadLetters
from edge.pipeline.geo import Geo
from edge.pipeline.salts_redis import find_salt_store_problems
from edge.sites import Snapshot, SnapshotError, parse_snapshot
from statflow.edge_checks import find_certificate_problems, find_dead_upstreams
from statflow.paths import Paths
from statflow.service_checks import (
    WrongError,
    check_accounts,
    check_assets,
    check_clocks,
    check_edges,
    check_mail,
    check_public_url,
    check_redis_room,
    check_salt_place,
    check_secret_files,
    check_store,
    check_store_room,
    check_waiting,
)
from statflow.services import geo_database, redis_url
from statflow.settings import Settings
from tracker import DIST

MB = 1024 * 1024
LITTLE_DISK_BYTES = 1024 * MB
REDIS_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``said`` names the remedy where something is wrong."""

    part: str
    good: bool
    said: str

    @property
    def mark(self) -> str:
        """The word at the start of the line."""
        return "ok" if self.good else "WRONG"

    def as_dict(self) -> dict[str, Any]:
        """Give the finding for JSON."""
        return asdict(self)


def examine(settings: Settings, paths: Paths) -> list[Finding]:
    """Run every check; one that fails unexpectedly is a finding itself."""
    findings = []
    for part, check in CHECKS:
        try:
            said = check(settings, paths)
            findings.append(Finding(part, True, said))
        except (WrongError, BufferAwayError) as error:
            findings.append(Finding(part, False, str(error)))
        except Exception as error:  # noqa: BLE001 - a doctor must look at the other parts too
            findings.append(Finding(part, False, f"the check failed: {error!r}"))
    return findings


def _check_python(_settings: Settings, _paths: Paths) -> str:
    return f"Python {sys.version.split()[0]}"


def _check_disk(_settings: Settings, paths: Paths) -> str:
    free = shutil.disk_usage(paths.data).free
    if free < LITTLE_DISK_BYTES:
        raise WrongError(f"only {free // MB} MB free where {paths.data} lies; free some space")
    return f"{free // MB} MB free in {paths.data}"


def _check_redis(settings: Settings, paths: Paths) -> str:
    url = redis_url(settings, paths)
    with open_beside(url) as redis:
        redis.ping()
    problems = asyncio.run(_durability_problems(url))
    if problems:
        raise WrongError(f"acknowledged events may be lost: {'; '.join(problems)}")
    return "answers, and syncs every acknowledged event"


async def _durability_problems(url: str) -> list[str]:
    redis = connect(url, timeout_s=REDIS_PATIENCE_S)
    try:
        return await check_durability(redis)
    finally:
        await redis.aclose()


def _check_dead_letters(settings: Settings, paths: Paths) -> str:
    with open_beside(redis_url(settings, paths)) as redis:
        waiting = DeadLetters(redis).count()
    if waiting:
        sites = ", ".join(
            f"{n} of {f'site {site_id}' if site_id else 'a site unknown'}"
            for site_id, n in sorted(waiting.items())
        )
        raise WrongError(
            f"events could not be stored and were set aside: {sites}; "
            "look at them with `statflow deadletter list`, then `replay` or `drop` them"
        )
    return "none: every event could be stored"


def _check_salts(settings: Settings, paths: Paths) -> str:
    if settings.salt_url:
        problems = asyncio.run(find_salt_store_problems(settings.salt_url))
        if problems and not settings.salt_assured:
            raise WrongError(f"STATFLOW_SALT_URL: {'; '.join(problems)} (docs/roles.md)")
        return "in a Redis of their own, which writes nothing"
    if paths.salts is None:
        raise WrongError(
            "no shared memory (/dev/shm): the salts live in the supervisor and a restart of it "
            "counts today's visitors again; set STATFLOW_SALT_URL"
        )
    if _has_swap():
        return f"in memory ({paths.salts}); swap is on: encrypt it, or salts may reach a disk"
    return f"in memory ({paths.salts}), never on a disk"


def _has_swap() -> bool:
    try:
        return len(Path("/proc/swaps").read_text().splitlines()) > 1
    except OSError:
        return False


def _check_sites(settings: Settings, paths: Paths) -> str:
    snapshot = _read_sites(settings, paths)
    switch = "" if snapshot.injection else "; the kill switch is thrown: no page gets the tag"
    return f"{len(snapshot.sites)} in the snapshot that the edge serves from{switch}"


def _read_sites(settings: Settings, paths: Paths) -> Snapshot:
    file = settings.sites_file or paths.sites_file
    try:
        return parse_snapshot(file.read_bytes())
    except FileNotFoundError:
        raise WrongError("no sites yet: add one in the portal, or: statflow site add") from None
    except SnapshotError as error:
        raise WrongError(f"{file}: {error}") from None


def _check_upstreams(settings: Settings, paths: Paths) -> str:
    snapshot = _read_sites(settings, paths)
    dead = asyncio.run(find_dead_upstreams(snapshot, settings.upstream_ranges))
    if dead:
        raise WrongError("; ".join(dead))
    return "every site has one that connects"


def _check_certificates(settings: Settings, paths: Paths) -> str:
    folder = settings.tls_dir
    if folder is None:
        return "STATFLOW_TLS_DIR is not set: something before the edge serves TLS, or nothing does"
    if not folder.is_dir():
        raise WrongError(f"{folder} is not a folder (STATFLOW_TLS_DIR)")
    snapshot = _read_sites(settings, paths)
    problems = find_certificate_problems(folder, snapshot, datetime.now(UTC))
    if problems:
        raise WrongError(f"{folder}: {'; '.join(problems)}")
    return f"one for every name of every site in {folder}"


def _check_challenges(settings: Settings, _paths: Paths) -> str:
    folder = settings.acme_dir
    if folder is None:
        return "STATFLOW_ACME_DIR is not set: the sites answer ACME's challenges themselves"
    if not os.access(folder, os.R_OK | os.X_OK):
        raise WrongError(f"{folder} cannot be read (STATFLOW_ACME_DIR)")
    return f"ACME's challenges are answered from {folder}"


def _check_tracker(_settings: Settings, _paths: Paths) -> str:
    builds = sorted(DIST.glob("*.js"))
    if not builds:
        raise WrongError("no tracker build in tracker/dist; run `make tracker`")
    return f"version {builds[-1].stem}, {builds[-1].stat().st_size} bytes"


def _check_geo(settings: Settings, _paths: Paths) -> str:
    path = geo_database(settings)
    if path is None:
        raise WrongError("no country database: run `make setup`, or set STATFLOW_GEOIP_DB")
    problem = Geo(path).problem
    if problem:
        raise WrongError(f"{path}: {problem}")
    return f"countries from {path.name}"


def _check_parts(_settings: Settings, paths: Paths) -> str:
    if not paths.run_json.exists():
        return "`statflow up` is not running with this data folder"
    return f"`statflow up` serves; its addresses are in {paths.run_json}"


CHECKS: tuple[tuple[str, Callable[[Settings, Paths], str]], ...] = (
    ("python", _check_python),
    ("disk", _check_disk),
    ("secrets", check_secret_files),
    ("tracker", _check_tracker),
    ("assets", check_assets),
    ("geo", _check_geo),
    ("sites", _check_sites),
    ("upstreams", _check_upstreams),
    ("certificates", _check_certificates),
    ("challenges", _check_challenges),
    ("salts", _check_salts),
    ("salt store", check_salt_place),
    ("redis", _check_redis),
    ("redis memory", check_redis_room),
    ("clocks", check_clocks),
    ("edges", check_edges),
    ("waiting", check_waiting),
    ("dead letters", _check_dead_letters),
    ("store", check_store),
    ("store disk", check_store_room),
    ("accounts", check_accounts),
    ("portal address", check_public_url),
    ("mail", check_mail),
    ("up", _check_parts),
)
