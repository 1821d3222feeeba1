"""What ``statflow doctor`` says of the edge's surroundings: upstreams, certificates, challenges.

Each check gives what is right and what is wrong with it; ``statflow.doctor`` makes lines of them.
It only looks: the upstreams get a connection and not one byte. The one invariant: a check asks what
the edge would ask, by the edge's own code.
"""

import asyncio
import datetime as dt
from pathlib import Path

from edge.fronts.mitm_certificates import Certificates
from edge.fronts.origins import Origins, UpstreamRefusedError
from edge.fronts.reception import Upstream
from edge.sites import Origin, Site, Snapshot
from edge.upstream_ranges import UpstreamRanges
from portal.language import _

_PATIENCE_S = 3.0
_SOON = dt.timedelta(days=7)


async def find_dead_upstreams(snapshot: Snapshot, ranges: str) -> list[str]:
    """Say for each site none of whose upstreams lets us connect why that is."""
    origins = Origins(allowed=UpstreamRanges(ranges))
    said = await asyncio.gather(*(_try_site(site, origins) for site in snapshot.sites))
    return [problem for problem in said if problem]


async def _try_site(site: Site, origins: Origins) -> str:
    problems = []
    for origin in site.origins:
        problem = await _try_origin(origin, origins, guarded=origin in site.guarded)
        if not problem:
            return ""
        problems.append(f"{origin} {problem}")
    return f"{site.host}: {', '.join(problems)}" if problems else ""


async def _try_origin(origin: Origin, origins: Origins, *, guarded: bool) -> str:
    """Connect and let go; the answer is empty when that works."""
    tls = origin.scheme == "https"
    upstream = Upstream(origin.host, origin.port, tls, origin.host, guarded=guarded)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            problem = _("has no address")
            for address, port in (await origins.addresses(upstream))[:2]:
                try:
                    _reader, writer = await asyncio.open_connection(address, port)
                except OSError:
                    problem = _("does not connect")
                    continue
                writer.close()
                return ""
            return problem
    except TimeoutError:
        return _("does not connect in time")
    except UpstreamRefusedError:
        return (
            _("is not public: `statflow site set` lets it be, or STATFLOW_UPSTREAM_RANGES")
            if guarded and not origins.has_list
            else _("is outside STATFLOW_UPSTREAM_RANGES")
        )
    except OSError:
        return _("does not resolve")


def find_certificate_problems(folder: Path, snapshot: Snapshot, now: dt.datetime) -> list[str]:
    """Say which names of sites have no certificate, or one that has ended or will within a week."""
    certificates = Certificates(folder)
    problems = []
    for host in sorted(host for site in snapshot.sites for host in site.hosts if _is_name(host)):
        identity = certificates.find_identity(host)
        if identity is None:
            problems.append(_("none for %(host)s", host=host))
        elif identity.certificate.not_valid_after_utc < now + _SOON:
            ends = f"{identity.certificate.not_valid_after_utc:%Y-%m-%d}"
            problems.append(_("that of %(host)s ends on %(day)s", host=host, day=ends))
    return problems


def _is_name(host: str) -> bool:
    """Tell whether a certificate could be had for a host: it is no address and has a domain."""
    return "." in host and not host.startswith("[") and not host.replace(".", "").isdigit()
