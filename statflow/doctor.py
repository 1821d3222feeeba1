"""``statflow doctor``: look at every part and say in one line what is right or what to do.

It only looks; it changes nothing, and speaks the language of whoever asks. Each check is one
function that returns what is right or raises what is not, listed in ``CHECKS`` in the order of the
data's way.
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

from edge.buffer.beside import BufferAwayError, BufferRefusesError, open_beside
from edge.buffer.durability import check_durability
from edge.buffer.scripts import connect
from edge.forwarder.dead_letters import DeadLetters
from edge.pipeline.geo import Geo
from edge.pipeline.salts_redis import find_salt_store_problems
from edge.sites import Snapshot, SnapshotError, parse_snapshot
from portal.language import N_, _
from portal.writing import number, size
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
        except WrongError as error:
            findings.append(Finding(part, False, str(error)))
        except BufferAwayError as error:
            findings.append(Finding(part, False, _without_redis(error, settings)))
        except Exception as error:  # noqa: BLE001 - a doctor must look at the other parts too
            findings.append(
                Finding(part, False, _("the check failed: %(error)s", error=repr(error)))
            )
    return findings


def _without_redis(error: BufferAwayError, settings: Settings) -> str:
    if isinstance(error, BufferRefusesError):
        return _("Redis refuses us: are user and password in STATFLOW_REDIS_URL those it has?")
    if settings.redis_url:
        return _(
            "Redis does not answer; does the one of STATFLOW_REDIS_URL run, and is it reached from "
            "here?"
        )
    return _("Redis does not answer; is `statflow up` running with this data folder?")


def _check_python(_settings: Settings, _paths: Paths) -> str:
    return f"Python {sys.version.split()[0]}"


def _check_disk(_settings: Settings, paths: Paths) -> str:
    free = shutil.disk_usage(paths.data).free
    if free < LITTLE_DISK_BYTES:
        raise WrongError(
            _(
                "only %(free)s free where %(folder)s lies; free some space",
                free=size(free),
                folder=paths.data,
            )
        )
    return _("%(free)s free in %(folder)s", free=size(free), folder=paths.data)


def _check_redis(settings: Settings, paths: Paths) -> str:
    url = redis_url(settings, paths)
    with open_beside(url) as redis:
        redis.ping()
    problems = asyncio.run(_durability_problems(url))
    if problems:
        said = "; ".join(problems)
        raise WrongError(_("acknowledged events may be lost: %(problems)s", problems=said))
    return _("answers, and syncs every acknowledged event")


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
            _("%(count)s of site %(site)s", count=number(n), site=site_id)
            if site_id
            else _("%(count)s of a site unknown", count=number(n))
            for site_id, n in sorted(waiting.items())
        )
        raise WrongError(
            _(
                "events could not be stored and were set aside: %(sites)s; look at them with "
                "`statflow deadletter list`, then `replay` or `drop` them",
                sites=sites,
            )
        )
    return _("none: every event could be stored")


def _check_salts(settings: Settings, paths: Paths) -> str:
    if settings.salt_url:
        problems = asyncio.run(find_salt_store_problems(settings.salt_url))
        if problems and not settings.salt_assured:
            said = "; ".join(problems)
            raise WrongError(_("STATFLOW_SALT_URL: %(problems)s (docs/roles.md)", problems=said))
        return _("in a Redis of their own, which writes nothing")
    if paths.salts is None:
        raise WrongError(
            _(
                "no shared memory (/dev/shm): the salts live in the supervisor and a restart of "
                "it counts today's visitors again; set STATFLOW_SALT_URL"
            )
        )
    if _has_swap():
        return _(
            "in memory (%(place)s); swap is on: encrypt it, or salts may reach a disk",
            place=paths.salts,
        )
    return _("in memory (%(place)s), never on a disk", place=paths.salts)


def _has_swap() -> bool:
    try:
        return len(Path("/proc/swaps").read_text().splitlines()) > 1
    except OSError:
        return False


def _check_sites(settings: Settings, paths: Paths) -> str:
    snapshot = _read_sites(settings, paths)
    count = len(snapshot.sites)
    if snapshot.injection:
        return _("%(count)s in the snapshot that the edge serves from", count=count)
    return _(
        "%(count)s in the snapshot that the edge serves from; the kill switch is thrown: no page "
        "gets the tag",
        count=count,
    )


def _read_sites(settings: Settings, paths: Paths) -> Snapshot:
    file = settings.sites_file or paths.sites_file
    try:
        return parse_snapshot(file.read_bytes())
    except FileNotFoundError:
        raise WrongError(_("no sites yet: add one in the portal, or: statflow site add")) from None
    except SnapshotError as error:
        raise WrongError(f"{file}: {error}") from None


def _check_upstreams(settings: Settings, paths: Paths) -> str:
    snapshot = _read_sites(settings, paths)
    dead = asyncio.run(find_dead_upstreams(snapshot, settings.upstream_ranges))
    if dead:
        raise WrongError("; ".join(dead))
    return _("every site has one that connects")


def _check_certificates(settings: Settings, paths: Paths) -> str:
    folder = settings.tls_dir
    if folder is None:
        return _(
            "STATFLOW_TLS_DIR is not set: something before the edge serves TLS, or nothing does"
        )
    if not folder.is_dir():
        raise WrongError(_("%(folder)s is not a folder (STATFLOW_TLS_DIR)", folder=folder))
    snapshot = _read_sites(settings, paths)
    problems = find_certificate_problems(folder, snapshot, datetime.now(UTC))
    if problems:
        raise WrongError(f"{folder}: {'; '.join(problems)}")
    return _("one for every name of every site in %(folder)s", folder=folder)


def _check_challenges(settings: Settings, _paths: Paths) -> str:
    folder = settings.acme_dir
    if folder is None:
        return _("STATFLOW_ACME_DIR is not set: the sites answer ACME's challenges themselves")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise WrongError(_("%(folder)s cannot be read (STATFLOW_ACME_DIR)", folder=folder))
    return _("ACME's challenges are answered from %(folder)s", folder=folder)


def _check_tracker(_settings: Settings, _paths: Paths) -> str:
    builds = sorted(DIST.glob("*.js"))
    if not builds:
        raise WrongError(_("no tracker build in tracker/dist; run `make tracker`"))
    return _(
        "version %(version)s, %(count)s bytes",
        version=builds[-1].stem,
        count=number(builds[-1].stat().st_size),
    )


def _check_geo(settings: Settings, _paths: Paths) -> str:
    path = geo_database(settings)
    if path is None:
        raise WrongError(_("no country database: run `make setup`, or set STATFLOW_GEOIP_DB"))
    problem = Geo(path).problem
    if problem:
        raise WrongError(f"{path}: {problem}")
    return _("countries from %(file)s", file=path.name)


def _check_parts(_settings: Settings, paths: Paths) -> str:
    if not paths.run_json.exists():
        return _("`statflow up` is not running with this data folder")
    return _("`statflow up` serves; its addresses are in %(file)s", file=paths.run_json)


CHECKS: tuple[tuple[str, Callable[[Settings, Paths], str]], ...] = (
    (N_("python"), _check_python),
    (N_("disk"), _check_disk),
    (N_("secrets"), check_secret_files),
    (N_("tracker"), _check_tracker),
    (N_("assets"), check_assets),
    (N_("geo"), _check_geo),
    (N_("sites"), _check_sites),
    (N_("upstreams"), _check_upstreams),
    (N_("certificates"), _check_certificates),
    (N_("challenges"), _check_challenges),
    (N_("salts"), _check_salts),
    (N_("salt store"), check_salt_place),
    (N_("redis"), _check_redis),
    (N_("redis memory"), check_redis_room),
    (N_("clocks"), check_clocks),
    (N_("edges"), check_edges),
    (N_("waiting"), check_waiting),
    (N_("dead letters"), _check_dead_letters),
    (N_("store"), check_store),
    (N_("store disk"), check_store_room),
    (N_("accounts"), check_accounts),
    (N_("portal address"), check_public_url),
    (N_("mail"), check_mail),
    (N_("up"), _check_parts),
)
