"""Readers of settings: each turns the text of a variable into its value, or says what it expects.

Pure. The one invariant: the message of a ``ValueError`` never repeats a secret.
"""

from pathlib import Path
from urllib.parse import urlsplit

LEAST_KEY = 32
"""Characters that a key of one's own has at least."""


def read_flag(text: str) -> bool:
    """Read 1 or 0, and the usual words for them."""
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"", "0", "false", "no", "off"}:
        return False
    raise ValueError("expected 1 or 0")


def read_count(text: str) -> int:
    """Read a whole number from 0 on."""
    number = int(text)
    if number < 0:
        raise ValueError("expected a non-negative whole number")
    return number


def read_shared_by(text: str) -> int:
    """Read how many must share a value, 2 or more."""
    number = int(text)
    if number < 2:  # noqa: PLR2004 - one alone is named by a value of their own
        raise ValueError("expected 2 or more")
    return number


def read_receiver(text: str) -> str:
    """Check the address of a receiver of traces."""
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("expected http:// or https://")
    return text


def read_share(text: str) -> float:
    """Read a share, from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError("expected a number from 0 to 1")
    return number


def read_cluster(text: str) -> str:
    """Check the name of a cluster of ClickHouse."""
    from store.clustered import check_cluster  # noqa: PLC0415 - not for every command.

    return check_cluster(text)


def read_key(text: str) -> str:
    """Refuse a key that can be guessed, the placeholder of an example above all."""
    if text and len(text) < LEAST_KEY:
        raise ValueError(f"expected {LEAST_KEY} random characters or more: openssl rand -hex 32")
    return text


def read_database(text: str) -> str:
    """Read SQLAlchemy's address of PostgreSQL, or anybody else's, which names no driver."""
    scheme, _, rest = text.partition("://")
    if scheme in {"postgres", "postgresql"}:
        return f"postgresql+psycopg://{rest}"
    if text and scheme not in {"postgresql+psycopg", "sqlite"}:
        raise ValueError("expected postgresql+psycopg://user:password@host/name")
    return text


def read_store(text: str) -> str:
    """Check the address of ClickHouse's HTTP interface."""
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("expected http://user:password@host:8123/database")
    return text


def read_one_redis(text: str) -> str:
    """Check the address of a single Redis."""
    if text and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("expected redis://user:password@host:6379/0")
    return text


def read_buffer(text: str) -> str:
    """Check the form of an address: of one Redis, of Sentinels or of a cluster."""
    if "+" not in text.partition("://")[0]:
        return read_one_redis(text)
    from edge.buffer.opening import parse_address  # noqa: PLC0415 - not for every command.

    parse_address(text)
    return text


def read_networks(text: str) -> str:
    """Check a list of networks; the edge that uses it reads it again."""
    if text:
        from edge.collector.client_ip import parse_networks  # noqa: PLC0415 - portals lack it.

        parse_networks(text)
    return text


def read_upstream_ranges(text: str) -> str:
    """Check the networks of upstreams; the edge that uses them reads them again."""
    from edge.upstream_ranges import UpstreamRanges  # noqa: PLC0415 - portals lack it.

    UpstreamRanges(text)
    return text


def read_mail_server(text: str) -> str:
    """Check the address of a mail server."""
    if text and not text.startswith(("smtp://", "smtp+starttls://", "smtps://")):
        raise ValueError("expected smtp://, smtp+starttls:// or smtps://")
    return text


def read_signup(text: str) -> str:
    """Check who may make an account."""
    if text not in {"invite", "open"}:
        raise ValueError("expected invite or open")
    return text


def read_issuer(text: str) -> str:
    """Check the address of a provider of identities."""
    parts = urlsplit(text)
    if text and parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1"}:
        raise ValueError("expected an https:// address")
    return text


def read_group_roles(text: str) -> tuple[tuple[str, str, str], ...]:
    """Read ``group=team:role, …`` into rows of group, team and role."""
    rows = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        group, _, right = part.rpartition("=")
        team, _, role = (word.strip() for word in right.rpartition(":"))
        if not group.strip() or not team or role not in {"owner", "admin", "editor", "viewer"}:
            raise ValueError(f"expected group=team:role with a role of a team, got {part!r}")
        rows.append((group.strip(), team, role))
    return tuple(rows)


def read_edge_origin(text: str) -> str:
    """Check the edge's own origin, at which snippets ask."""
    if text:
        from edge.snippet import parse_edge_origin  # noqa: PLC0415 - portals lack it.

        return parse_edge_origin(text)
    return text


def read_path(text: str) -> Path | None:
    """Read a path, absolute; None for none."""
    return Path(text).expanduser().absolute() if text else None
