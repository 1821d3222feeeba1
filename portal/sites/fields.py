"""A site's fields as people type them: read, checked and brought to one form.

Each reader takes text and returns the stored form or raises ``FieldError`` with a sentence for the
person who typed it. Whether a host is free is the database's answer (``portal.commands``). The one
invariant: what passes here passes the edges' check of the snapshot (``edge/sites.py``).
"""

import re
from datetime import date, datetime, timedelta
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from portal.language import N_, _

MODES = {
    "on": N_("On: count visits"),
    "canary": N_("Canary: count visits on a share of the pages"),
    "shadow": N_("Shadow: pass pages untouched, only report what would be done"),
    "off": N_("Off: pass everything untouched"),
}
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]{2,45}\]")


class FieldError(ValueError):
    """A field is wrong; ``field`` names it, the message says what to type instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read_host(text: str, field: str = "host") -> str:
    """Read a host name such as ``shop.example.com``; port, case and final dot fall away.

    Raises:
        FieldError: It is a URL, has spaces, or is no host name.
    """
    host = text.strip().lower()
    if "/" in host:
        raise FieldError(
            field, _("Type only the host name, such as shop.example.com, not %(text)r.", text=text)
        )
    host = _without_port(host)
    if not host.isascii():
        host = _to_ascii(host, field)
    if not _HOST.fullmatch(host):
        raise FieldError(
            field, _("%(text)r is not a host name such as shop.example.com.", text=text)
        )
    return host


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".")


def _to_ascii(host: str, field: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise FieldError(
            field, _("%(host)r is not a host name such as shop.example.com.", host=host)
        ) from None


def read_upstream(text: str) -> str:
    """Read the origin's address: ``http://HOST[:PORT]`` or ``https://HOST[:PORT]``.

    Raises:
        FieldError: Another scheme, no host, a bad port, or more than scheme, host and port.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FieldError(
            "upstream", _("%(text)r: the port must be a number up to 65535.", text=text)
        ) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise FieldError(
            "upstream", _("%(text)r is not an address such as http://10.0.0.5:3000.", text=text)
        )
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise FieldError(
            "upstream", _("Type only scheme, host and port, such as http://10.0.0.5:3000.")
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else read_host(parts.hostname, "upstream")
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


@cache
def timezones() -> tuple[str, ...]:
    """List the time zones one can choose, by name."""
    hidden = ("Etc/", "SystemV/", "posix", "right")
    return tuple(
        sorted(
            name
            for name in available_timezones()
            if name == "UTC" or ("/" in name and not name.startswith(hidden))
        )
    )


def read_timezone(text: str) -> str:
    """Read an IANA time zone such as ``Europe/Paris``.

    Raises:
        FieldError: There is no zone of that name.
    """
    name = text.strip()
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        name = ""
    if not name:
        raise FieldError(
            "timezone", _("%(text)r is not a time zone such as Europe/Paris or UTC.", text=text)
        )
    return name


def read_mode(text: str) -> str:
    """Read what the edge does to the site's pages.

    Raises:
        FieldError: It is none of ``MODES``.
    """
    if text not in MODES:
        raise FieldError("mode", _("Choose one of %(join)s.", join=", ".join(MODES)))
    return text


def end_of_day(day: date, timezone: str, field: str) -> datetime:
    """Give the moment at which a day ends by a clock.

    Raises:
        FieldError: It lies too far away for clocks to know it.
    """
    if not 2000 <= day.year <= 2099:  # noqa: PLR2004 - as store.query.parse
        raise FieldError(field, _("A day lies between 2000 and 2099."))
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo(timezone))
