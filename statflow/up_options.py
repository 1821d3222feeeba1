"""What ``statflow up`` is asked for, and what is refused before anything starts.

Each refusal is a sentence for the person who typed the command. Starting is ``statflow.up``. The
one invariant: a wrong option is refused here, never by a part that dies later.
"""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from statflow.demo.certificate import ensure_certificate
from statflow.paths import Paths
from statflow.services import port_is_free

FREE_DISK_BYTES = 200 * 1024 * 1024
DEMO_HOST = "shop.localhost"


class UpError(Exception):
    """``up`` cannot start; the message is a sentence for the person who typed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What the command line asked for."""

    front: str
    bind: str
    edge_port: int
    edge_tls_port: int
    portal_port: int
    private_port: int
    tls_dir: Path | None
    upstream: str
    host: str
    demo: bool
    shop_port: int
    workers: int = 1


def with_demo_certificate(options: UpOptions, paths: Paths) -> UpOptions:
    """Let the demo show HTTPS too, with a certificate of its own, where nothing speaks against."""
    wanted = options.demo and options.tls_dir is None and options.front != "direct"
    if not wanted or not port_is_free(options.bind, options.edge_tls_port):
        return options
    folder = paths.data / "demo_tls"
    ensure_certificate(folder, [DEMO_HOST, "localhost"], datetime.now(UTC))
    return replace(options, tls_dir=folder)


def check_options(options: UpOptions, paths: Paths) -> None:
    """Refuse early, in words, what would fail later in a traceback.

    Raises:
        UpError: It cannot start like this.
    """
    if shutil.disk_usage(paths.data).free < FREE_DISK_BYTES:
        raise UpError(
            f"Less than 200 MB are free where {paths.data} lies. "
            "Free some space, or name another folder with --data-dir."
        )
    if bool(options.upstream) != bool(options.host):
        raise UpError(
            "--upstream and --host go together: --upstream http://127.0.0.1:3000 --host my.site"
        )
    if options.front == "direct" and options.tls_dir is not None:
        raise UpError(
            "The direct front serves no TLS: leave --tls-dir out and let a TLS terminator stand "
            "before it, or choose --front auto."
        )
    ports = {
        "--edge-port": (options.bind, options.edge_port),
        "--portal-port": (options.bind, options.portal_port),
        "--private-port": ("127.0.0.1", options.private_port),
    }
    if options.tls_dir is not None:
        ports["--edge-tls-port"] = (options.bind, options.edge_tls_port)
    if options.demo:
        ports["the demo shop"] = ("127.0.0.1", options.shop_port)
    for flag, (host, port) in ports.items():
        if not port_is_free(host, port):
            raise UpError(
                f"Port {port} on {host} is taken or not allowed for this user. "
                f"Stop what uses it, or choose another ({flag})."
            )


def own_host(bind: str) -> str:
    """Name in a URL where this machine reaches what is bound to an address."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - compared only.
    return f"[{address}]" if ":" in address else address
