"""Settings: every ``STATFLOW_*`` variable, with its default, unit and help, in one list.

The only module that reads the environment. A process reads its settings once, at start, into one
frozen value; an unknown ``STATFLOW_*`` name is an error, so that a typing mistake is never a silent
default. ``docs/settings.md`` is generated from ``SETTINGS`` and a test holds it equal.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from statflow.setting_values import (
    read_buffer,
    read_cluster,
    read_count,
    read_database,
    read_edge_origin,
    read_flag,
    read_group_roles,
    read_issuer,
    read_key,
    read_mail_server,
    read_networks,
    read_one_redis,
    read_path,
    read_receiver,
    read_share,
    read_shared_by,
    read_signup,
    read_store,
    read_upstream_ranges,
)

PREFIX = "STATFLOW_"
OTEL_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
ROOT = Path(__file__).resolve().parent.parent


class SettingsError(ValueError):
    """A setting is unknown or has a value of the wrong form; the message names it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table of settings; ``name`` is without the prefix."""

    name: str
    default: str
    unit: str
    help: str
    read: Callable[[str], Any]
    secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "DATA_DIR",
        "~/.local/share/statflow",
        "folder",
        "Where everything that must survive a restart is kept.",
        lambda text: Path(text).expanduser().absolute(),
    ),
    Setting(
        "DATABASE_URL",
        "",
        "URL",
        "Accounts database; empty: SQLite in the data folder. "
        "PostgreSQL: postgresql+psycopg://user:password@host/name.",
        read_database,
        secret=True,
    ),
    Setting(
        "CLICKHOUSE_URL",
        "",
        "URL",
        "ClickHouse's HTTP interface; empty: the embedded store of the data folder.",
        read_store,
        secret=True,
    ),
    Setting(
        "CLICKHOUSE_CLUSTER",
        "",
        "name",
        "Name of a ClickHouse cluster of one shard, on whose every node `migrate` makes replicated "
        "tables; empty: one node (docs/scale.md).",
        read_cluster,
    ),
    Setting(
        "REDIS_URL",
        "",
        "URL",
        "Buffer Redis (appendfsync always); empty: the embedded one of the data folder. Also "
        "redis+sentinel://HOST:PORT,…/NAME?replicas=1 and redis+cluster://HOST:PORT,… "
        "(docs/scale.md).",
        read_buffer,
        secret=True,
    ),
    Setting(
        "SALT_URL",
        "",
        "URL",
        "Redis that holds the daily salts and writes nothing; empty: a file in memory (/dev/shm).",
        read_one_redis,
        secret=True,
    ),
    Setting(
        "SALT_ASSURED",
        "0",
        "0 or 1",
        "Assert that the salt Redis is never written to a disk where it cannot be checked.",
        read_flag,
    ),
    Setting(
        "GEOIP_DB",
        "",
        "file",
        "Any .mmdb with countries; empty: the free country database that set-up installs.",
        read_path,
    ),
    Setting(
        "CITY_K",
        "10",
        "count",
        "Visitors of one site and local day that must share a city before it is kept; "
        "1 keeps every city. A site may set its own.",
        read_count,
    ),
    Setting(
        "BOT_RANGES",
        "",
        "folder",
        "Address ranges of bots, one file an agent (docs/bots.md); they confirm and deny.",
        read_path,
    ),
    Setting(
        "SECRET_KEY",
        "",
        "text",
        "Signs the portal's sessions, 32 random characters or more; empty: one is made in the "
        "data folder.",
        read_key,
        secret=True,
    ),
    Setting("TOKEN", "", "text", "API token with which `statflow mcp` asks.", str, secret=True),
    Setting("PASSWORD", "", "text", "Password for `statflow user add`.", str, secret=True),
    Setting(
        "TRUSTED_PROXIES",
        "",
        "CIDR list",
        "Proxies before edge and portal whose X-Forwarded-For counts: networks, `cloudflare`, "
        "`private` or `loopback`, separated by commas.",
        read_networks,
    ),
    Setting(
        "RATE_CLIENT",
        "600",
        "events a minute",
        "Most events a minute from one client, in each worker; 0 is no limit.",
        read_count,
    ),
    Setting(
        "RATE_SITE",
        "5000",
        "events a second",
        "Most events a second of one site, in each worker; 0 is no limit.",
        read_count,
    ),
    Setting(
        "SITES_FILE",
        "",
        "file",
        "The sites snapshot that an edge serves from; empty: sites.json in the data folder.",
        read_path,
    ),
    Setting(
        "DEFAULT_SITE",
        "",
        "host",
        "Site that answers for unknown hosts; empty: they get 421.",
        str,
    ),
    Setting(
        "EDGE_HOST",
        "",
        "host",
        "Name that serves /sf/ over HTTPS for sites that use the snippet instead of the proxy; "
        "with `http://` before it over plain HTTP, for trying things out.",
        read_edge_origin,
    ),
    Setting(
        "TLS_DIR",
        "",
        "folder",
        "Certificates as HOST/fullchain.pem and HOST/privkey.pem (certbot's layout).",
        read_path,
    ),
    Setting(
        "HTTP3",
        "0",
        "0 or 1",
        "Offer HTTP/3 beside TLS, on the same port of UDP. An experiment.",
        read_flag,
    ),
    Setting(
        "ACME_DIR",
        "",
        "folder",
        "Answers to ACME's HTTP-01 challenges: a webroot that certbot or lego fills, or the files "
        "themselves; what is not there is asked of the site.",
        read_path,
    ),
    Setting(
        "UPSTREAM_RANGES",
        "",
        "CIDR list",
        "Networks that upstreams must lie in once connected, such as `public, 10.0.0.0/8`; empty: "
        "what was typed into the portal by a team's member must be public, what the operator wrote "
        "may lie anywhere but at link-local and metadata addresses.",
        read_upstream_ranges,
    ),
    Setting(
        "PROXY_PROTOCOL",
        "0",
        "0 or 1",
        "Connections to the plain port begin with a PROXY protocol header (version 1 or 2), which "
        "names the client; of the `direct` front.",
        read_flag,
    ),
    Setting(
        "LOG_REQUESTS",
        "0",
        "0 or 1",
        "Print a JSON line for each request: time, site, method, status, bytes, milliseconds, "
        "request id, outcome. No path and no query, no address, no agent.",
        read_flag,
    ),
    Setting(
        "OTLP_ENDPOINT",
        "",
        "URL",
        "OpenTelemetry receiver (OTLP over HTTP), such as http://collector:4318, for spans; empty: "
        "OTEL_EXPORTER_OTLP_ENDPOINT, else no traces (docs/metrics.md).",
        read_receiver,
    ),
    Setting(
        "TRACE_RATIO",
        "0.01",
        "0 to 1",
        "Share of an edge's requests that are traced, where anything is.",
        read_share,
    ),
    Setting(
        "HITS_SOCKET",
        "",
        "file",
        "Unix socket at which nginx (`--inject njs`, `sub_filter`) tells the edge of its pages.",
        read_path,
    ),
    Setting(
        "SPOOL_DIR",
        "",
        "folder",
        "Where an edge keeps events while Redis is away or full; empty: spool in the data folder.",
        read_path,
    ),
    Setting(
        "SPOOL_MB",
        "1024",
        "megabytes",
        "Most that an edge's worker keeps there before it answers 503; 0 keeps nothing.",
        read_count,
    ),
    Setting(
        "DRAIN_S",
        "30",
        "seconds",
        "How long a stopping edge waits for running requests.",
        read_count,
    ),
    Setting(
        "DEBUG",
        "0",
        "0 or 1",
        "Log more, and say in X-Statflow what was decided about a page; never personal data.",
        read_flag,
    ),
    Setting(
        "COLLECTOR_URL",
        "",
        "URL",
        "Private port of an edge, such as http://127.0.0.1:9090, to which the portal passes what "
        "other trackers send to it; empty: the edge of this data folder's `statflow up`.",
        str,
    ),
    Setting(
        "PRIVATE_BIND",
        "127.0.0.1",
        "address",
        "Where the private ports (health, metrics, the collector's door for the portal) listen; "
        "0.0.0.0 in a container. Keep them away from the Internet.",
        str,
    ),
    Setting(
        "READ_ONLY",
        "0",
        "0 or 1",
        "A portal that only shows: it changes nothing and signs nobody in, so DATABASE_URL may be "
        "a replica (docs/scale.md).",
        read_flag,
    ),
    Setting("PUBLIC_URL", "", "URL", "Address of the portal as people reach it, for links.", str),
    Setting(
        "SMTP_URL",
        "",
        "URL",
        "Mail server: smtp://, smtp+starttls:// (port 587) or smtps:// (port 465), with "
        "user:password@ where it asks for them; empty: no mail, links are shown to who invites.",
        read_mail_server,
        secret=True,
    ),
    Setting(
        "MAIL_FROM",
        "",
        "address",
        "Sender of mail; empty: statflow@ and the host of PUBLIC_URL.",
        str,
    ),
    Setting(
        "UPLOAD_BYTES",
        str(2 << 30),
        "bytes",
        "Largest file that may be uploaded into the portal to be imported; 0: none may.",
        read_count,
    ),
    Setting(
        "AUDIT_DAYS",
        "730",
        "days",
        "How long the record of who changed what is kept; 0: for good.",
        read_count,
    ),
    Setting(
        "ARCHIVE_DIR",
        "",
        "folder",
        "Where the portal writes sums of days that name nobody before a site's numbers go by age, "
        "a folder a site (docs/data.md); empty: nowhere.",
        read_path,
    ),
    Setting(
        "ARCHIVE_K",
        "10",
        "visitors",
        "Visitors of a day that must share a value for an archive to name it; at least 2.",
        read_shared_by,
    ),
    Setting(
        "WEBHOOK_RANGES",
        "",
        "CIDR list",
        "Networks to which reports and alerts may be posted besides the public Internet, such as "
        "`10.0.5.0/24`, also without TLS; empty: no private address is reached.",
        read_networks,
    ),
    Setting(
        "SIGNUP",
        "invite",
        "invite or open",
        "Who may make an account: who was invited, or anybody who can read mail at the address.",
        read_signup,
    ),
    Setting(
        "OIDC_ISSUER",
        "",
        "URL",
        "Single sign-on: the OpenID Connect provider's issuer, whose "
        "/.well-known/openid-configuration says the rest; empty: none (docs/accounts.md).",
        read_issuer,
    ),
    Setting("OIDC_CLIENT_ID", "", "text", "What the provider calls this portal.", str),
    Setting(
        "OIDC_CLIENT_SECRET",
        "",
        "text",
        "The portal's secret at the provider; empty: a public client, with PKCE alone.",
        str,
        secret=True,
    ),
    Setting("OIDC_NAME", "single sign-on", "text", "What the button calls the provider.", str),
    Setting("OIDC_GROUPS_CLAIM", "groups", "text", "Claim that lists the groups of a person.", str),
    Setting(
        "OIDC_ROLES",
        "",
        "group=team:role list",
        "Roles in teams that the provider's groups stand for, such as "
        "`staff=Default:viewer, web=Default:admin`.",
        read_group_roles,
    ),
    Setting(
        "OIDC_ONLY",
        "0",
        "0 or 1",
        "Let nobody in but through the provider: passwords are off, passkeys are a second step.",
        read_flag,
    ),
)


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The settings in force in this process; field names are the rows' names in lower case."""

    data_dir: Path
    database_url: str
    clickhouse_url: str
    clickhouse_cluster: str
    redis_url: str
    salt_url: str
    salt_assured: bool
    geoip_db: Path | None
    city_k: int
    bot_ranges: Path | None
    secret_key: str
    token: str
    password: str
    trusted_proxies: str
    rate_client: int
    rate_site: int
    sites_file: Path | None
    default_site: str
    edge_host: str
    tls_dir: Path | None
    http3: bool
    acme_dir: Path | None
    upstream_ranges: str
    proxy_protocol: bool
    log_requests: bool
    otlp_endpoint: str
    trace_ratio: float
    hits_socket: Path | None
    spool_dir: Path | None
    spool_mb: int
    drain_s: int
    debug: bool
    collector_url: str
    private_bind: str
    read_only: bool
    public_url: str
    smtp_url: str
    mail_from: str
    upload_bytes: int
    audit_days: int
    archive_dir: Path | None
    archive_k: int
    webhook_ranges: str
    signup: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    oidc_groups_claim: str
    oidc_roles: tuple[tuple[str, str, str], ...]
    oidc_only: bool

    def __repr__(self) -> str:
        """Write what can stand in a log: secrets only as set or not."""
        hidden = {row.name.lower() for row in SETTINGS if row.secret}
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        shown = [f"{name}={'…' if name in hidden and value else repr(value)}"
                 for name, value in values.items()]  # fmt: skip
        return f"Settings({', '.join(shown)})"


def read_settings(
    environ: Mapping[str, str] | None = None, *, data_dir: Path | None = None
) -> Settings:
    """Read the process's settings; ``data_dir`` from the command line wins over the environment.

    Raises:
        SettingsError: A name is unknown or a value has the wrong form.
    """
    environ = os.environ if environ is None else environ
    _refuse_unknown(environ)
    values = {row.name.lower(): _read(row, environ) for row in SETTINGS}
    # The name that every program with traces knows counts where ours says nothing.
    values["otlp_endpoint"] = values["otlp_endpoint"] or environ.get(OTEL_ENDPOINT, "")
    if data_dir is not None:
        values["data_dir"] = data_dir.expanduser().absolute()
    return Settings(**{field.name: values[field.name] for field in fields(Settings)})


def _read(row: Setting, environ: Mapping[str, str]) -> Any:
    text = environ.get(PREFIX + row.name, "") or row.default
    try:
        return row.read(text)
    except ValueError as error:
        shown = "(secret)" if row.secret else repr(text)
        raise SettingsError(f"{PREFIX}{row.name}={shown}: {error}") from None


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = {PREFIX + row.name for row in SETTINGS}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"unknown setting {name}{hint}")


def render_table() -> str:
    """Render the settings as the Markdown table of ``docs/settings.md``."""
    rows = [
        f"| `{PREFIX}{row.name}` | {f'`{row.default}`' if row.default else '(empty)'} "
        f"| {row.unit} | {row.help} |"
        for row in SETTINGS
    ]
    return "\n".join(
        ["| name | default | unit | what it does |", "| --- | --- | --- | --- |", *rows]
    )
