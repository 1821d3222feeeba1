"""Let the tag through the page's Content Security Policy without loosening it.

A nonce of the page is reused; else the exact URLs of ours, and nothing broader, are added to the
lists that govern them. Every policy of every header counts, for the browser enforces them all;
report-only ones are amended too, lest each page view sends the site a report about us. Policies in
``<meta>`` elements cannot be amended; ``bars_beacon`` only tells what they do.

The one invariant: a policy is only ever extended by our own URLs; directives, order and sources of
the site's stay as they are, and a header that needs no change stays byte for byte.

A nonce on a publicly cacheable page is reused like any other: the header and the page that carry it
are cached together, so the tag works exactly where the page's own scripts do. The caching headers
are the site's business and stay.

Source: https://www.w3.org/TR/CSP3/
"""

import re
from dataclasses import dataclass
from html import unescape

from edge.inject.decide import SkipReason
from edge.inject.tag import Headers, Tag
from edge.sites import CspMode

_ENFORCED = b"content-security-policy"
_REPORTED = b"content-security-policy-report-only"
_NONCE = re.compile(rb"'nonce-([A-Za-z0-9+/_=-]+)'", re.IGNORECASE)
_META = re.compile(rb"<meta\s[^<>]+>", re.IGNORECASE)
_META_POLICY = re.compile(rb"=\s*[\"']?\s*content-security-policy\s*[\"'\s>/]", re.IGNORECASE)
_CONTENT = re.compile(rb"content\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_ORIGIN = re.compile(rb"https?://[A-Za-z0-9._-]+(?::[0-9]{1,5})?")
"""Origins that a policy can name; it has no form for IPv6 addresses."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The URLs of ours that a policy must allow, as source expressions."""

    origin: bytes
    scripts: tuple[bytes, ...]
    endpoint: bytes


@dataclass(frozen=True, slots=True)
class CspAnswer:
    """The response's headers, the nonce to use if any, and the reason not to inject if any."""

    headers: Headers
    nonce: str = ""
    reason: SkipReason | None = None


@dataclass(slots=True)
class _Policy:
    """One serialized policy; ``parts`` are its directives as written, to be joined by ``;``."""

    parts: list[bytes]
    is_enforced: bool

    def find(self, *names: bytes) -> int | None:
        """Find the first named directive that is there; of two alike the first counts."""
        for name in names:
            for index, part in enumerate(self.parts):
                tokens = part.split(None, 1)
                if tokens and tokens[0].lower() == name:
                    return index
        return None

    def sources(self, index: int) -> list[bytes]:
        """List the sources of a directive, as written."""
        return self.parts[index].split()[1:]

    def has(self, index: int, keyword: bytes) -> bool:
        """Tell whether a directive has this keyword, in any case."""
        return keyword in self.parts[index].lower().split()[1:]

    @property
    def script_index(self) -> int | None:
        """The directive that governs script elements."""
        return self.find(b"script-src-elem", b"script-src", b"default-src")

    @property
    def nonces(self) -> list[bytes]:
        """The nonces that let a script element in."""
        index = self.script_index
        return [] if index is None else _NONCE.findall(self.parts[index])


def own_sources(tag: Tag, origin: str) -> Sources:
    """Name our URLs as a policy of a page on ``origin`` must name them."""
    base = origin.encode("latin-1", "replace").lower()

    def absolute(url: str) -> bytes:
        return url.encode() if "://" in url else base + url.encode()

    scripts = (absolute(tag.script_url), absolute(tag.module_prefix))
    return Sources(base, scripts, absolute(tag.endpoint_url))


def apply_csp(headers: Headers, mode: CspMode, sources: Sources) -> CspAnswer:
    """Decide how the tag gets past the response's policies, and amend them if that is the way."""
    if mode is CspMode.OFF or not has_policy(headers):
        return CspAnswer(headers)
    policies = _parse(headers)
    flat = [policy for group in policies.values() for policy in group]
    nonce = next((nonce for policy in _enforced_first(flat) for nonce in policy.nonces), b"")
    for policy in flat:
        if reason := _decline(policy, nonce, mode, sources):
            return CspAnswer(headers, reason=reason)
    if mode is CspMode.AMEND:
        headers = _amend(headers, policies, nonce, sources)
    return CspAnswer(headers, nonce.decode())


def amend_not_modified(headers: Headers, mode: CspMode, sources: Sources) -> Headers:
    """Amend a 304: browsers replace the policy of the copy they have by the one that it brings."""
    if mode is not CspMode.AMEND or not has_policy(headers) or not _is_nameable(sources):
        return headers
    return _amend(headers, _parse(headers), b"", sources)


def has_policy(headers: Headers) -> bool:
    """Tell whether any header carries a policy."""
    return any(name.lower() in {_ENFORCED, _REPORTED} for name, _ in headers)


def bars_beacon(tag: Tag, origin: str, start: bytes) -> bool:
    """Tell whether a ``<meta>`` policy in the start of a page forbids what the tracker sends.

    It is a hint for the capture rate, not a parser: what is cut off at the end is not seen.
    """
    if b"ttp-equiv" not in start and b"TTP-EQUIV" not in start:
        return False
    for element in _META.findall(start):
        content = _CONTENT.search(element)
        if _META_POLICY.search(element) is None or content is None:
            continue
        text = unescape((content[1] or content[2] or b"").decode("latin-1"))
        policy = _Policy(text.encode("latin-1", "replace").split(b";"), is_enforced=True)
        connect = policy.find(b"connect-src", b"default-src")
        sources = own_sources(tag, origin)
        if connect is not None and not _allows(policy.sources(connect), sources.endpoint, sources):
            return True
    return False


def _parse(headers: Headers) -> dict[int, list[_Policy]]:
    """Map each policy header's index to its comma-separated policies."""
    return {
        index: [
            _Policy(policy.split(b";"), name.lower() == _ENFORCED) for policy in value.split(b",")
        ]
        for index, (name, value) in enumerate(headers)
        if name.lower() in {_ENFORCED, _REPORTED}
    }


def _enforced_first(policies: list[_Policy]) -> list[_Policy]:
    return sorted(policies, key=lambda policy: not policy.is_enforced)


def _decline(policy: _Policy, nonce: bytes, mode: CspMode, sources: Sources) -> SkipReason | None:
    """Name the reason why this policy cannot be satisfied, or None."""
    sandbox = policy.find(b"sandbox")
    if policy.is_enforced and sandbox is not None and not policy.has(sandbox, b"allow-scripts"):
        return SkipReason.CSP_SANDBOX
    script = policy.script_index
    needs_script = script is not None and not (nonce and nonce in policy.nonces)
    if needs_script and script is not None and policy.has(script, b"'strict-dynamic'"):
        return SkipReason.CSP_STRICT_DYNAMIC
    connect = policy.find(b"connect-src", b"default-src")
    wanted: list[tuple[int | None, tuple[bytes, ...]]] = [(connect, (sources.endpoint,))]
    if needs_script:
        wanted.append((script, sources.scripts))
    for index, urls in wanted:
        if index is None or all(_allows(policy.sources(index), url, sources) for url in urls):
            continue
        if mode is CspMode.AMEND and _is_nameable(sources):
            continue
        if policy.is_enforced:
            return SkipReason.CSP_BLOCKED
    return None


def _allows(written: list[bytes], url: bytes, sources: Sources) -> bool:
    """Tell whether a list certainly allows our URL; what is not understood allows nothing."""
    lower = {source.lower() for source in written}
    scheme = sources.origin.partition(b":")[0] + b":"
    if url in written or lower & {b"*", scheme, b"http:"}:
        return True
    return url.startswith(sources.origin) and bool(lower & {b"'self'", sources.origin})


def _is_nameable(sources: Sources) -> bool:
    return bool(_ORIGIN.fullmatch(sources.origin))


def _amend(
    headers: Headers, policies: dict[int, list[_Policy]], nonce: bytes, sources: Sources
) -> Headers:
    """Write the policies back with our URLs in them."""
    if not _is_nameable(sources):
        return headers
    amended = list(headers)
    for index, group in policies.items():
        for policy in group:
            if not (nonce and nonce in policy.nonces):
                _extend(policy, (b"script-src-elem", b"script-src"), sources.scripts)
            _extend(policy, (b"connect-src",), (sources.endpoint,))
        value = b",".join(b";".join(policy.parts) for policy in group)
        amended[index] = (headers[index][0], value)
    return amended


def _extend(policy: _Policy, names: tuple[bytes, ...], urls: tuple[bytes, ...]) -> None:
    """Add URLs to the named directives; where there is none, to a copy of default-src."""
    found = [index for name in names if (index := policy.find(name)) is not None]
    for index in found:
        policy.parts[index] = _with_urls(policy.parts[index], urls)
    default = policy.find(b"default-src")
    if found or default is None:
        return
    copy = b" ".join((names[-1], *policy.sources(default)))
    while not policy.parts[-1].strip():
        policy.parts.pop()
    policy.parts.append(b" " + _with_urls(copy, urls))


def _with_urls(directive: bytes, urls: tuple[bytes, ...]) -> bytes:
    """Append what is missing; a lone 'none' means an empty list and gives way."""
    name, *written = directive.split()
    if [source.lower() for source in written] == [b"'none'"]:
        lead = directive[: len(directive) - len(directive.lstrip())]
        return lead + b" ".join((name, *urls))
    missing = [url for url in urls if url not in written]
    return b" ".join((directive.rstrip(), *missing)) if missing else directive
