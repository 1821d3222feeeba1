"""The edge role: settings and paths into an EdgeConfig."""

from pathlib import Path

from edge.app import EdgeConfig
from statflow.paths import Paths
from statflow.services import geo_database, redis_url
from statflow.settings import Settings
from tracker import newest_build


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
) -> EdgeConfig:
    """Build the edge's configuration; the command line wins over the settings."""
    return EdgeConfig(
        front=front,
        bind=bind,
        port=port,
        tls_port=tls_port,
        tls_dir=tls_dir or settings.tls_dir,
        sites_file=settings.sites_file or paths.sites_file,
        redis_url=redis_url(settings, paths),
        salt_url=settings.salt_url,
        salt_assured=settings.salt_assured,
        salts_file=salts_file or paths.salts,
        geo=geo_database(settings),
        trusted_proxies=settings.trusted_proxies,
        rate_client=settings.rate_client,
        rate_site=settings.rate_site,
        default_site=settings.default_site,
        tracker=newest_build().read_bytes(),
        drain_s=settings.drain_s,
        private_port=private_port,
        private_socket=private_socket,
    )
