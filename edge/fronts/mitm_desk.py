"""The seam between mitmproxy's layers and the front: what layers ask, and the events they exchange.

Layers are sans-I/O; they hold a ``Desk`` and, for each request, an ``Exchange``, and ask these two
whatever is not about framing. The one invariant: nothing here does I/O except ``Exchange.answer``,
which the connection handler awaits.
"""

from dataclasses import dataclass
from typing import Protocol

from mitmproxy import http
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layers.http._events import ErrorCode, ResponseProtocolError

from edge.event import Address
from edge.fronts.origins import Origins
from edge.fronts.reception import Upstream
from edge.wire.refusal import BAD_ANSWER, BAD_GATEWAY, BAD_REQUEST, TOO_LARGE, ErrorPage, Refusal


class Exchange(Protocol):
    """One request and its answer, as far as the layers must know them."""

    is_own: bool
    """An endpoint of ours answers."""
    upgrades: bool
    expects_continue: bool
    endless: bool
    """The answer is an event stream, which may be silent."""
    body_limit: int
    """Longest request body in bytes; 0 is without limit."""
    upstreams: tuple[Upstream, ...]

    def receive(self, request: http.Request, *, has_body: bool) -> ErrorPage | None:
        """Route a request and write the origin's fields into it, or refuse it."""

    async def answer(self, request: http.Request) -> http.Response:
        """Answer a request of ours; never raises."""

    def respond(self, response: http.Response, *, has_body: bool) -> None:
        """Write the client's fields into the origin's answer and say how its body passes."""

    @property
    def withholds_head(self) -> bool:
        """Tell whether the answer's head must wait for ``explain``."""

    def explain(self, response: http.Response) -> None:
        """Write what was done to the page into a head that waited for it."""

    def refuse_body(self) -> ErrorPage:
        """Answer a body that passed ``body_limit``."""

    def error_page(self, refusal: Refusal) -> ErrorPage:
        """Write an error page of ours."""

    def close(self, *, complete: bool) -> None:
        """End the exchange; only the first call counts."""


class Desk(Protocol):
    """What a client connection asks the front."""

    draining: bool

    @property
    def origins(self) -> Origins:
        """Which upstream to try, and where it is."""

    def open_exchange(self, peer: Address, *, tls: bool) -> Exchange:
        """Start an exchange for the next request of a client."""

    def error_page(self, refusal: Refusal) -> ErrorPage:
        """Write an error page for something that did not become a request."""

    def now(self) -> float:
        """Read the monotonic clock, in seconds."""


class Refused(ResponseProtocolError):  # noqa: N818 - an event of mitmproxy's, never raised.
    """A protocol error that carries the page to show, if there is still time to show one."""

    def __init__(self, stream_id: int, page: ErrorPage) -> None:
        super().__init__(stream_id, "refused", ErrorCode.GENERIC_SERVER_ERROR)
        self.page = page


class OriginClosed(ResponseProtocolError):  # noqa: N818 - an event of mitmproxy's, never raised.
    """The origin closed the connection without a byte of an answer."""

    def __init__(self, stream_id: int) -> None:
        super().__init__(stream_id, "origin closed", ErrorCode.GENERIC_SERVER_ERROR)


class Drain(events.Event):
    """The front is going down: finish what is open; once it is ``final``, take nothing new."""

    def __init__(self, *, final: bool) -> None:
        self.final = final


class Room(events.Event):
    """An origin has taken what waited for it: its client may send more."""


@dataclass
class AnswerHook(commands.StartHook):  # type: ignore[no-untyped-call]
    """Ask an endpoint of ours; the handler awaits it while other streams go on."""

    exchange: Exchange
    flow: http.HTTPFlow


def refusal_for(code: ErrorCode) -> Refusal | None:
    """Name the page for a protocol error of mitmproxy's; None where nobody can read one."""
    match code:
        case ErrorCode.GENERIC_CLIENT_ERROR | ErrorCode.REQUEST_VALIDATION_FAILED:
            return BAD_REQUEST
        case ErrorCode.REQUEST_TOO_LARGE:
            return TOO_LARGE
        case ErrorCode.CONNECT_FAILED | ErrorCode.DESTINATION_UNKNOWN:
            return BAD_GATEWAY
        case ErrorCode.GENERIC_SERVER_ERROR | ErrorCode.RESPONSE_VALIDATION_FAILED:
            return BAD_ANSWER
        case _:
            return None
