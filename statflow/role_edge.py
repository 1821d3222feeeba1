"""The edge role: settings and paths into an EdgeConfig, or into the plan of several workers."""

import sys
from pathlib import Path

from edge.config import EdgeConfig
from statflow import __version__
from statflow.paths import Paths
from statflow.services import geo_database, redis_url
from statflow.settings import Settings
from statflow.workers import WorkersPlan
from tracker import cores_of, modules_of, newest_build, older_modules, selectors_build


def edge_config(  # noqa: PLR0913 - one argument an option of the command
    settings: Settings,
    paths: Paths,
    *,
    front: str,
    bind: str,
    port: int,
    tls_port: int | None,
    tls_dir: Path | None,
    private_port: int | None,
    private_socket: Path | None,
    salts_file: Path | None,
    reuse_port: bool,
) -> EdgeConfig:
    """Build the edge's configuration; the command line wins over the settings."""
    return EdgeConfig(
        front=front,
        bind=bind,
        port=port,
        tls_port=tls_port,
        tls_dir=tls_dir or settings.tls_dir,
        http3=settings.http3,
        reuse_port=reuse_port,
        sites_file=settings.sites_file or paths.sites_file,
        redis_url=redis_url(settings, paths),
        salt_url=settings.salt_url,
        salt_assured=settings.salt_assured,
        salts_file=salts_file or paths.salts,
        geo=geo_database(settings),
        bot_ranges=settings.bot_ranges,
        city_k=settings.city_k,
        trusted_proxies=settings.trusted_proxies,
        upstream_ranges=settings.upstream_ranges,
        acme_dir=settings.acme_dir,
        proxy_protocol=settings.proxy_protocol,
        log_requests=settings.log_requests,
        trace_ratio=settings.trace_ratio if settings.otlp_endpoint else 0.0,
        spool_dir=settings.spool_dir or paths.spool,
        spool_mb=settings.spool_mb,
        hits_socket=settings.hits_socket,
        rate_client=settings.rate_client,
        rate_site=settings.rate_site,
        default_site=settings.default_site,
        tracker=newest_build().read_bytes(),
        cores=cores_of(newest_build()),
        selectors=selectors_build().read_bytes(),
        tracker_at=newest_build().stat().st_mtime,
        edge_origin=settings.edge_host,
        modules=modules_of(newest_build()),
        older_modules=older_modules(),
        drain_s=settings.drain_s,
        private_bind=settings.private_bind,
        private_port=private_port,
        private_socket=private_socket,
        debug=settings.debug,
        version=__version__,
    )


def workers_plan(config: EdgeConfig, paths: Paths, count: int) -> WorkersPlan:
    """Plan workers that serve as ``config`` says; each is this command again."""

    def command(
        port: int, tls_port: int | None, private_socket: Path, salts_file: Path | None
    ) -> list[str]:
        options: dict[str, object] = {
            "--front": config.front,
            "--bind": config.bind,
            "--port": port,
            "--tls-port": tls_port,
            "--tls-dir": config.tls_dir,
            "--private-socket": private_socket,
            "--salts-file": salts_file,
            "--data-dir": paths.data,
        }
        given = [
            word
            for name, value in options.items()
            if value is not None
            for word in (name, str(value))
        ]
        return [sys.executable, "-m", "statflow.cli", "edge", "--reuse-port", *given]

    return WorkersPlan(config=config, count=count, command=command, runtime=paths.runtime)
