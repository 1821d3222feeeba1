"""``statflow up``: the whole product on one machine, from one command.

Lists the parts, prepares what they need, starts them in order through ``statflow.supervisor``, says
``ready`` and writes ``run.json`` once everything serves, keeps it all alive, and stops cleanly.
What a part does is the business of its own command. The one invariant: one ``up`` a data folder,
held by a lock.
"""

import asyncio
import fcntl
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import aiohttp

from edge.buffer.embedded import is_answering, redis_command, send_shutdown
from edge.private import PrivatePort
from edge.sites_feed import write_atomically
from portal.commands import CommandError, add_user, put_site, setup_link
from portal.database import Database
from portal.goals.examples import put_examples
from portal.sites.switches import MODULES
from statflow.accounts import open_accounts, publish_sites
from statflow.paths import Paths
from statflow.private_client import fetch_private
from statflow.services import free_port, redis_url, running_store_url
from statflow.settings import Settings
from statflow.supervisor import Part, PartFailedError, State, Supervisor
from statflow.up_options import (
    DEMO_HOST,
    UpError,
    UpOptions,
    check_options,
    own_host,
    with_demo_certificate,
)

REDIS_MEMORY_BYTES = 512 * 1024 * 1024
DEMO_EMAIL = "demo@statflow.example"
DEMO_ALIASES = ("localhost", "127.0.0.1")

log = logging.getLogger(__name__)


async def run_up(settings: Settings, options: UpOptions) -> None:
    """Run the embedded stack until SIGINT or SIGTERM.

    Raises:
        UpError: It cannot start; everything that was started is stopped again.
    """
    paths = Paths(settings.data_dir)
    paths.prepare()
    with _lock(paths):
        _refuse_half_restored(paths)
        options = with_demo_certificate(options, paths)
        check_options(options, paths)
        if not settings.redis_url and is_answering(redis_url(settings, paths)):
            send_shutdown(redis_url(settings, paths))
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        stack = Stack(settings, options, paths)
        # From a terminal that closes, a hangup is the end; from a service manager, a wish.
        loop.add_signal_handler(signal.SIGHUP, stop.set if sys.stdin.isatty() else stack.hang_up)
        await stack.run(stop)


def _lock(paths: Paths) -> IO[str]:
    file = paths.lock.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UpError(
            f"statflow is already up with this data folder ({paths.data}).\n"
            "Stop it first, or name another folder with --data-dir."
        ) from None
    return file


def _refuse_half_restored(paths: Paths) -> None:
    if paths.restoring.exists():
        file = paths.restoring.read_text().strip()
        raise UpError(
            f"A restore of {file} has not ended: give the command again (statflow restore)."
        )


class Stack:
    """One embedded installation, from its first part's start to its last part's end."""

    def __init__(self, settings: Settings, options: UpOptions, paths: Paths) -> None:
        self._settings = settings
        self._options = options
        self._paths = paths
        self._login: dict[str, str] | None = None
        self._link = ""
        self._ready = False
        self._supervisor = Supervisor([], self._changed)

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything, serve until ``stop``, stop everything.

        Raises:
            UpError: A part did not come up.
        """
        self._paths.run_json.unlink(missing_ok=True)
        private = PrivatePort(self._checks, self._metrics)
        starting = asyncio.create_task(self._start())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await private.start(port=self._options.private_port)
                self._announce()
                await stop.wait()
        except PartFailedError as error:
            raise UpError(str(error)) from None
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.gather(starting, stopping, return_exceptions=True)
            self._ready = False
            self._paths.run_json.unlink(missing_ok=True)
            await private.stop()
            await self._supervisor.stop()

    def hang_up(self) -> None:
        """Let the edge read sites and certificates again."""
        self._supervisor.signal(signal.SIGHUP, "edge")

    async def _start(self) -> None:
        """Bring up the services, prepare accounts and sites, then the parts that need them."""
        services = self._services()
        self._supervisor.parts = services
        for part in services:
            await self._supervisor.start_part(part)
        await self._run_command("migrate")
        await asyncio.to_thread(self._prepare_accounts)
        parts = self._parts()
        self._supervisor.parts = [*services, *parts]
        for part in parts:
            await self._supervisor.start_part(part)

    def _prepare_accounts(self) -> None:
        with open_accounts(self._settings, self._paths) as accounts:
            with accounts.writing() as session:
                if self._options.demo:
                    origin = f"http://127.0.0.1:{self._options.shop_port}"
                    site = put_site(session, DEMO_HOST, origin, aliases=DEMO_ALIASES)
                    put_examples(session, site, datetime.now(UTC))
                    if not self._demo_login_file.exists():
                        site.modules = list(MODULES)
                elif self._options.upstream:
                    put_site(session, self._options.host, self._options.upstream)
            if self._options.demo:
                self._login = self._demo_login(accounts)
            with accounts.writing() as session:
                if path := setup_link(session):
                    self._link = f"{self._portal_url}{path}"
            problem = publish_sites(self._settings, self._paths, accounts)
        if problem:
            log.warning("sites: %s", problem)

    @property
    def _demo_login_file(self) -> Path:
        return self._paths.data / "demo_login.json"

    def _demo_login(self, accounts: Database) -> dict[str, str] | None:
        """Make the demo's account once; its password is kept in the data folder."""
        file = self._demo_login_file
        try:
            with accounts.writing() as session:
                login = {"email": DEMO_EMAIL, "password": secrets.token_urlsafe(12)}
                add_user(session, login["email"], login["password"], admin=True)
        except CommandError:
            return dict(json.loads(file.read_text())) if file.exists() else None
        write_atomically(file, json.dumps(login).encode())
        file.chmod(0o600)
        return login

    @property
    def _portal_url(self) -> str:
        return self._settings.public_url or f"http://localhost:{self._options.portal_port}"

    def _services(self) -> list[Part]:
        settings, paths = self._settings, self._paths
        services = []
        if not settings.redis_url:
            paths.redis_folder.mkdir(exist_ok=True)
            url = redis_url(settings, paths)
            services.append(
                Part(
                    "redis",
                    redis_command(
                        paths.redis_folder, paths.redis_socket, memory_bytes=REDIS_MEMORY_BYTES
                    ),
                    lambda: asyncio.to_thread(is_answering, url),
                )
            )
        if not settings.clickhouse_url:
            services.append(
                Part(
                    "store",
                    self._command("store", "--port", str(free_port())),
                    lambda: asyncio.to_thread(lambda: running_store_url(paths) is not None),
                    stop_s=20,
                )
            )
        return services

    def _parts(self) -> list[Part]:
        options, paths = self._options, self._paths
        edge = [
            "edge",
            "--front",
            options.front,
            "--bind",
            options.bind,
            "--port",
            str(options.edge_port),
            "--workers",
            str(options.workers),
        ]
        if options.tls_dir is not None:
            edge += ["--tls-port", str(options.edge_tls_port), "--tls-dir", str(options.tls_dir)]
        edge += ["--private-socket", str(paths.private_socket("edge"))]
        kept_fds: tuple[int, ...] = ()
        if paths.salts is None and not self._settings.salt_url:
            # No shared memory: the supervisor keeps the salts, so that a new edge finds them.
            kept_fds = (os.memfd_create("salts"),)
            edge += ["--salts-file", f"/proc/self/fd/{kept_fds[0]}"]
        forwarder = ["forwarder", "--private-socket", str(paths.private_socket("forwarder"))]
        portal = ["portal", "--bind", options.bind, "--port", str(options.portal_port)]
        portal += ["--private-socket", str(paths.private_socket("portal"))]
        parts = [
            Part("forwarder", self._command(*forwarder), self._is_healthy("forwarder")),
            Part(
                "edge",
                self._command(*edge),
                self._is_healthy("edge"),
                port=options.edge_port,
                pass_fds=kept_fds,
                stop_s=self._settings.drain_s + 10,
            ),
            Part(
                "portal",
                self._command(*portal),
                self._url_answers(f"http://{own_host(options.bind)}:{options.portal_port}/healthz"),
                port=options.portal_port,
            ),
        ]
        if options.demo:
            parts.append(
                Part(
                    "shop",
                    self._command("demo", "shop", "--port", str(options.shop_port)),
                    self._url_answers(f"http://127.0.0.1:{options.shop_port}/"),
                    port=options.shop_port,
                )
            )
            parts.append(
                Part("seed", self._command("demo", "seed", DEMO_HOST), _always, once=True, stop_s=5)
            )
        return parts

    def _command(self, *arguments: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "statflow.cli",
            *arguments,
            "--data-dir",
            str(self._paths.data),
        ]

    async def _run_command(self, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command(*arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise UpError(
                f"statflow {' '.join(arguments)} failed:\n{output.decode(errors='replace')}"
            )

    def _is_healthy(self, part: str) -> Callable[[], Awaitable[bool]]:
        socket = self._paths.private_socket(part)

        async def ask() -> bool:
            return (await fetch_private(socket, "/readyz"))[0] == 200  # noqa: PLR2004 - HTTP OK

        return ask

    def _url_answers(self, url: str) -> Callable[[], Awaitable[bool]]:
        async def ask() -> bool:
            try:
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
                    session.get(url) as answer,
                ):
                    return answer.status == 200  # noqa: PLR2004 - HTTP OK
            except (aiohttp.ClientError, OSError, TimeoutError):
                return False

        return ask

    async def _checks(self) -> dict[str, str]:
        problems = {
            part.name: ""
            if part.state in {State.SERVING, State.DONE} or part.once
            else part.state.value
            for part in self._supervisor.parts
        }
        for name in ("edge", "forwarder"):
            status, body = await fetch_private(self._paths.private_socket(name), "/readyz")
            for check, said in (json.loads(body)["checks"] if body else {}).items():
                problems[f"{name}.{check}"] = "" if said == "ok" else str(said)
            if not status:
                problems[name] = problems[name] or "does not answer"
        return problems

    async def _metrics(self) -> bytes:
        texts = []
        for name in ("edge", "forwarder", "portal"):
            _, body = await fetch_private(self._paths.private_socket(name), "/metrics")
            texts.append(body)
        return _one_exposition(texts)

    def _changed(self, part: Part) -> None:
        print(f"{part.name:>9} : {part.state}", flush=True)  # noqa: T201 - the command's output
        if self._ready:
            self._write_run_json()

    def _urls(self) -> dict[str, str | None]:
        options = self._options
        host = DEMO_HOST if options.demo else options.host or "localhost"
        tls = options.tls_dir is not None
        return {
            "edge": f"http://{host}:{options.edge_port}",
            "edge_tls": f"https://{host}:{options.edge_tls_port}" if tls else None,
            "portal": self._portal_url,
            "private": f"http://127.0.0.1:{options.private_port}",
        }

    def _write_run_json(self) -> None:
        document: dict[str, Any] = {
            "ready": True,
            "urls": self._urls(),
            "login": self._login,
            "parts": [
                {"name": part.name, "pid": part.pid, "port": part.port}
                for part in self._supervisor.parts
                if not part.once
            ],
        }
        write_atomically(self._paths.run_json, json.dumps(document, indent=2).encode())
        self._paths.run_json.chmod(0o600)

    def _announce(self) -> None:
        self._ready = True
        self._write_run_json()
        urls = self._urls()
        lines = ["", f"  site     {urls['edge']}"]
        if urls["edge_tls"]:
            own = "" if self._options.tls_dir != self._paths.data / "demo_tls" else "self-signed: "
            lines.append(f"           {urls['edge_tls']}  ({own}TLS and HTTP/2, by mitmproxy)")
        lines.append(f"  portal   {urls['portal']}")
        if self._login:
            lines += [
                f"  log in   {self._login['email']}  password  {self._login['password']}",
            ]
        if self._link:
            lines += [
                "  first run: make the administrator's account with this one-time link",
                f"  {self._link}",
            ]
        lines += [f"  private  {urls['private']}/readyz", "", "ready", ""]
        print("\n".join(lines), flush=True)  # noqa: T201 - the command's output


async def _always() -> bool:
    return True


def _one_exposition(texts: list[bytes]) -> bytes:
    """Join Prometheus texts of several processes; a family's HELP and TYPE may appear only once."""
    families: dict[bytes, list[bytes]] = {}
    headers: dict[bytes, list[bytes]] = {}
    for text in texts:
        family = b""
        for line in text.splitlines():
            if line.startswith((b"# HELP ", b"# TYPE ")):
                family = line.split(b" ", 3)[2]
                known = headers.setdefault(family, [])
                if not any(old.startswith(line[:7]) for old in known):
                    known.append(line)
            elif line:
                families.setdefault(family, []).append(line)
    blocks = [b"\n".join([*headers.get(name, []), *lines]) for name, lines in families.items()]
    return b"\n".join(blocks) + b"\n"
