"""Write a secret for every service, made once and kept (``make secrets``).

``docker/.env`` is read by compose; ``docker/k8s/overlays/small/secrets.env`` is the same secrets,
and the addresses that hold them, for Kubernetes.

Only the standard library: it runs before anything is installed. What is already in the file stays
as it is, so that it can be run again after an update that wants one more. The one invariant: both
files are readable by their owner alone, and no secret is printed.
"""

import os
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = (
    "STATFLOW_SECRET_KEY",
    "POSTGRES_PASSWORD",
    "CLICKHOUSE_PASSWORD",
    "REDIS_PASSWORD",
    "SALT_PASSWORD",
    "GRAFANA_PASSWORD",
)


ADDRESSES = {
    "STATFLOW_DATABASE_URL": "postgresql+psycopg://statflow:{POSTGRES_PASSWORD}@postgres/statflow",
    "STATFLOW_CLICKHOUSE_URL": "http://statflow:{CLICKHOUSE_PASSWORD}@clickhouse:8123/statflow",
    "STATFLOW_REDIS_URL": "redis://:{REDIS_PASSWORD}@redis:6379/0",
    "STATFLOW_SALT_URL": "redis://edge:{SALT_PASSWORD}@salts:6379/0",
}


def write_secrets(folder: Path) -> list[str]:
    """Add what is missing to both files below ``folder``; returns the names that were made."""
    file = folder / ".env"
    text = file.read_text() if file.exists() else ""
    have = _read(text)
    # Hex, because the values stand in URLs.
    made = {name: secrets.token_hex(24) for name in NAMES if name not in have}
    ended = text + ("\n" if text and not text.endswith("\n") else "")
    _write(file, ended + _lines(made))
    known = have | made
    kept = {name: known[name] for name in NAMES}
    addresses = {name: form.format_map(kept) for name, form in ADDRESSES.items()}
    _write(folder / "k8s" / "overlays" / "small" / "secrets.env", _lines(kept | addresses))
    return list(made)


def _read(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value for name, _, value in pairs}


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _write(file: Path, text: str) -> None:
    temporary = file.with_name(f"{file.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    temporary.replace(file)


if __name__ == "__main__":
    said = ", ".join(write_secrets(HERE)) or "nothing: all are there"
    sys.stdout.write(f"made {said}\n")
