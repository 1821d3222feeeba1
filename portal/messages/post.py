"""POST to an address that a user typed: only where the operator allows it, once, never further.

Names are resolved here, every address is asked of ``problem_of``, and the connection goes to the
very address that passed, so that a name cannot mean another one a moment later. Redirects are not
followed and nothing of an answer but its status is read. The one invariant: not a byte reaches an
address that ``problem_of`` refuses.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable

import httpx

from portal.language import N_
from portal.messages.outbox import Outcome, State

CONNECT_S = 5.0
TOTAL_S = 20.0
_MOST_ADDRESSES = 2
_LAST_PORT = 65_535
_LONGEST_PAUSE_S = 86_400
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_WRONG = "Type an address such as https://example.com/hook."
NO_LINE = N_("It does not connect.")
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout)

type ProblemOf = Callable[[str, bool], str]
"""Address as text, whether TLS is spoken → why it may not be reached, or the empty string."""


class Poster:
    """Posts bodies to URLs; ``tls`` is what certificates are held against."""

    def __init__(self, problem_of: ProblemOf, tls: ssl.SSLContext | None = None) -> None:
        self._problem_of = problem_of
        self._tls = tls or ssl.create_default_context()

    def problem(self, url: str) -> str:
        """Say why a URL may not be posted to, as far as its name tells now; or nothing."""
        try:
            url_of, secure = _parts(url)
            self._allowed(url_of, secure=secure)
        except ValueError as error:
            return str(error)
        except OSError:
            return N_("The name does not resolve.")
        return ""

    def post(
        self, url: str, body: bytes, headers: dict[str, str], *, repeatable: bool = False
    ) -> Outcome:
        """Post once; ``repeatable`` says that the other side knows a message it has had."""
        try:
            url_of, secure = _parts(url)
            addresses = self._allowed(url_of, secure=secure)
        except ValueError as error:
            return Outcome(State.FAILED, str(error))
        except OSError:
            return Outcome(State.WAITING, N_("The name does not resolve."))
        try:
            status, retry_after = asyncio.run(self._send(url_of, addresses, body, headers))
        except _NOTHING_SENT as error:
            bad = isinstance(error.__context__, ssl.SSLError) or "CERTIFICATE" in str(error)
            return Outcome(State.WAITING, N_("Its certificate is not good.") if bad else NO_LINE)
        except (httpx.HTTPError, TimeoutError):
            state = State.WAITING if repeatable else State.UNKNOWN
            return Outcome(state, N_("It gave no answer: the message may have arrived."))
        return _outcome(status, retry_after)

    def _allowed(self, url: httpx.URL, *, secure: bool) -> list[str]:
        """Resolve now, and give the addresses that may be reached.

        Raises:
            ValueError: None may.
            OSError: The name does not resolve.
        """
        try:
            found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise ValueError(_WRONG) from None
        said = {str(entry[4][0]): "" for entry in found}
        said = {address: self._problem_of(address, secure) for address in said}
        allowed = [address for address, problem in said.items() if not problem]
        if not allowed:
            raise ValueError(next(iter(said.values()), N_("It has no address.")))
        return allowed

    async def _send(
        self, url: httpx.URL, addresses: list[str], body: bytes, headers: dict[str, str]
    ) -> tuple[int, str]:
        """Post to the first address that connects; returns status and Retry-After."""
        named = {"Host": url.netloc.decode(), "User-Agent": "statflow", **headers}
        timeout = httpx.Timeout(TOTAL_S, connect=CONNECT_S)
        async with (
            asyncio.timeout(TOTAL_S),
            httpx.AsyncClient(verify=self._tls, timeout=timeout, trust_env=False) as client,
        ):
            failed: Exception = AssertionError("there is at least one address")
            for address in addresses[:_MOST_ADDRESSES]:
                request = client.build_request(
                    "POST",
                    url.copy_with(host=address),
                    content=body,
                    headers=named,
                    extensions={"sni_hostname": url.host},
                )
                try:
                    answer = await client.send(request, stream=True)
                except _NOTHING_SENT as error:
                    failed = error
                    continue
                await answer.aclose()
                return answer.status_code, answer.headers.get("Retry-After", "")
            raise failed


def _outcome(status: int, retry_after: str) -> Outcome:
    said = f"It answered {status}."
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return Outcome(State.SENT, said)
    if status not in _AGAIN:
        return Outcome(State.FAILED, said)
    asked = int(retry_after) if retry_after.isascii() and retry_after.isdecimal() else 0
    return Outcome(State.WAITING, said, min(asked, _LONGEST_PAUSE_S))


def _parts(url: str) -> tuple[httpx.URL, bool]:
    """Take a URL apart; the flag says whether TLS is spoken.

    Raises:
        ValueError: It is none that can be posted to.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(_WRONG)
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError(_WRONG) from None
    if found.scheme not in {"http", "https"} or not found.host or found.userinfo:
        raise ValueError(_WRONG)
    if found.port is not None and not 0 < found.port <= _LAST_PORT:
        raise ValueError(_WRONG)
    return found, found.scheme == "https"
