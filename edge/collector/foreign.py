"""The wire formats of other trackers, into ours: Plausible's events API and Umami's (CONTRACT 3).

Pure: a document of theirs in, events as ``edge.collector.payload`` reads them out, with what the
document says about its sender. What that is worth is for ``edge.collector.foreign_requests``, and
every event is checked by the one payload table. The one invariant: whatever the document, the
answer is a value.

Source: Plausible's events API reference and its npm trackers; Umami's ``/api/send`` and tracker.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import orjson

from edge.collector.payload import MAX_PROP_KEY, MAX_PROP_VALUE, MAX_PROPS
from edge.event import ENGAGEMENT, PAGEVIEW
from edge.sites import Site, normal_host

_MAX_DEPTH = 4
_VITALS = ("lcp", "inp", "cls", "fcp", "ttfb")


@dataclass(frozen=True, slots=True)
class ForeignEvents:
    """What one document of theirs holds.

    ``site`` is what it names as its site; ``wire`` are events in the form of CONTRACT 3. The rest
    is said about the visitor and empty where the document does not speak of them.

    Units: ``sent_at_ms`` Unix milliseconds, 0 if not said.
    """

    site: str
    wire: tuple[dict[str, Any], ...]
    agent: str = ""
    address: str = ""
    language: str = ""
    sent_at_ms: int = 0


def read_plausible(raw: Mapping[str, Any]) -> ForeignEvents:
    """Read an event of Plausible's; its trackers write short names, its API long ones."""
    name = _either(raw, "n", "name")
    wire = {
        "n": name,
        "u": _either(raw, "u", "url"),
        "r": _either(raw, "r", "referrer"),
        "p": _unpacked(_either(raw, "p", "props")),
        "$": _unpacked(_either(raw, "$", "revenue")),
        "i": _either(raw, "i", "interactive"),
        "w": _either(raw, "w", "screen_width"),
    }
    if name == ENGAGEMENT:
        wire |= {"g": raw.get("e"), "d": _percent(raw.get("sd"))}
    return ForeignEvents(_text(_either(raw, "d", "domain")), (_present(wire),))


def read_umami(raw: Mapping[str, Any]) -> ForeignEvents:
    """Read an event of Umami's; what identifies a person in it is not read."""
    payload = raw.get("payload")
    if not isinstance(payload, dict):
        return ForeignEvents("", ())
    return ForeignEvents(
        site=_text(payload.get("website")),
        wire=tuple(_umami_events(raw.get("type"), payload)),
        agent=_text(payload.get("userAgent")),
        address=_text(payload.get("ip")),
        language=_text(payload.get("language")),
        sent_at_ms=_milliseconds(payload.get("timestamp")),
    )


def names_site(site: Site, name: str) -> bool:
    """Tell whether a document's ``domain`` or ``website`` means this site.

    It may be a name of the site, its id or its public key; Plausible lists several by commas.
    """
    return any(_is_name(site, part.strip()) for part in name.split(","))


def _is_name(site: Site, name: str) -> bool:
    host = normal_host(name)
    known = {*site.hosts, *(own.removeprefix("www.") for own in site.hosts)}
    return host in known or host.removeprefix("www.") in known or name in _keys(site)


def _keys(site: Site) -> tuple[str, str]:
    return (site.public_key, str(site.id))


def _umami_events(kind: object, payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the page view or event of a document, or the vitals of one; of others nothing."""
    page = {
        "u": _umami_url(payload),
        "r": payload.get("referrer"),
        "w": _width(payload.get("screen")),
    }
    if kind == "event":
        name = payload.get("name") or PAGEVIEW
        data = payload.get("data")
        props = _flat(data) if isinstance(data, dict) else {}
        if isinstance(payload.get("tag"), str) and payload["tag"]:
            props.setdefault("tag", payload["tag"])
        if name == PAGEVIEW and isinstance(payload.get("title"), str) and payload["title"]:
            props.setdefault("title", payload["title"])
        yield _present({**page, "n": name, "p": _clipped(props), "$": _umami_revenue(props)})
    elif kind == "performance":
        for vital in _VITALS:
            if payload.get(vital) is not None:
                props = {"m": vital.upper(), "v": payload[vital]}
                yield _present({**page, "n": "$vital", "p": props})


def _umami_url(payload: Mapping[str, Any]) -> object:
    """Make the page's address whole: Umami takes a path, and a host name beside it."""
    host, url = payload.get("hostname"), payload.get("url")
    if not isinstance(url, str) or not isinstance(host, str) or not host:
        return url if url is not None else (f"https://{host}/" if host else None)
    try:
        return urljoin(f"https://{host}/", url)
    except ValueError:
        return url


def _umami_revenue(props: Mapping[str, Any]) -> dict[str, Any] | None:
    if "revenue" not in props or "currency" not in props:
        return None
    return {"amount": props["revenue"], "currency": props["currency"]}


def _flat(data: Mapping[str, Any], path: str = "", depth: int = 0) -> dict[str, Any]:
    """Write nested data as one level, with dots; a list becomes its JSON, as Umami keeps it."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{path}{key}"
        if isinstance(value, dict) and depth < _MAX_DEPTH:
            flat |= _flat(value, f"{name}.", depth + 1)
        elif isinstance(value, str | int | float | bool):
            flat[name] = value
        elif value is not None:
            flat[name] = orjson.dumps(value).decode()
    return flat


def _clipped(props: Mapping[str, Any]) -> dict[str, Any]:
    pairs = [(key[:MAX_PROP_KEY], value) for key, value in props.items() if key]
    return {
        key: value[:MAX_PROP_VALUE] if isinstance(value, str) else value
        for key, value in pairs[:MAX_PROPS]
    }


def _unpacked(value: object) -> object:
    """Read what older trackers send as JSON inside of JSON; what is none of it stays."""
    if not isinstance(value, str):
        return _clipped(value) if isinstance(value, dict) else value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _either(raw: Mapping[str, Any], short: str, long: str) -> Any:
    return raw[short] if short in raw else raw.get(long)


def _present(wire: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wire.items() if value is not None}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _percent(value: object) -> object:
    """Leave out Plausible's 255, which means that the depth is not known."""
    is_known = isinstance(value, int | float) and 0 <= value <= 100  # noqa: PLR2004 - a percentage.
    return value if is_known else None


def _width(screen: object) -> int | None:
    width = _text(screen).partition("x")[0]
    return int(width) if width.isascii() and width.isdecimal() and len(width) < 6 else None  # noqa: PLR2004 - pixels.


def _milliseconds(seconds: object) -> int:
    is_time = isinstance(seconds, int | float) and 0 < seconds < 2**40
    return int(seconds * 1000) if is_time and isinstance(seconds, int | float) else 0
