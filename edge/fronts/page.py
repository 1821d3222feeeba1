"""The injector's part in one exchange, made safe: plan, rewrite, count.

Every front drives this with the request's and the answer's fields and the body's chunks. What is
injected where is ``edge.inject``; this module adds what the customer's page is owed when
something in there fails. The one invariant: an exception in planning, in the tag or in the
rewriter leaves the page byte-identical; where bytes of it are already out, the answer is cut off
rather than corrupted.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Counter

from edge.fronts.served import ABORTED, INJECTED, OnServed, Served, report
from edge.inject.decide import SkipReason
from edge.inject.plan import BodyRewriter, RequestPlan, Tag, plan_request, plan_response
from edge.sites import Https, Site
from edge.wire.fields import Field, Fields, values_of
from edge.wire.hsts import with_hsts

_log = logging.getLogger("statflow.edge.page")
_FAILURES = Counter(
    "statflow_page_failures_total", "Failures of the injector that a page passed unharmed.", ["at"]
)
_CODING = b"content-encoding"


class PageCorruptError(Exception):
    """The rewriter failed after bytes of its own were sent; the answer cannot be completed."""


@dataclass(slots=True)
class Page:
    """One exchange of a site, seen by the injector.

    Units: times are monotonic seconds.
    """

    site: Site
    tag_for: Callable[[Site], Tag]
    now: Callable[[], float]
    on_served: OnServed | None = None
    _plan: RequestPlan | None = None
    _rewriter: BodyRewriter | None = None
    _held: list[bytes] | None = None
    _reason: SkipReason | None = None
    _is_document: bool = False
    _status: int = 0
    _sent: int = 0
    _asked_at: float = 0.0
    _answered_at: float = 0.0
    _decided: bool = field(default=False)
    _says_hsts: bool = False

    def request(self, method: str, target: bytes, headers: Fields, origin: str) -> list[Field]:
        """Plan for a request; returns the fields to send to the origin."""
        self._asked_at = self.now()
        self._says_hsts = self.site.https is Https.REDIRECT_HSTS and origin.startswith("https:")
        try:
            tag = self.tag_for(self.site)
            self._plan = plan_request(self.site, method, target, list(headers), tag, origin=origin)
        except Exception as error:  # noqa: BLE001 - fail open: the page passes without us.
            self._failed("request", error)
            return list(headers)
        return self._plan.headers

    def response(self, status: int, headers: Fields, *, has_body: bool) -> list[Field]:
        """Plan for the origin's answer; returns the fields to send to the client."""
        planned = self._respond(status, headers, has_body=has_body)
        return with_hsts(planned) if self._says_hsts else planned

    def _respond(self, status: int, headers: Fields, *, has_body: bool) -> list[Field]:
        self._answered_at = self.now()
        self._status = status
        self._is_document = has_body and _is_html(headers)
        original = list(headers)
        if self._plan is None:
            return original
        try:
            plan = plan_response(self._plan, status, original)
        except Exception as error:  # noqa: BLE001 - fail open: the page passes without us.
            self._failed("response", error)
            return original
        self._reason = plan.reason
        if plan.body is not None:
            if not has_body:
                return original
            self._rewriter = plan.body
            same = values_of(original, _CODING) == values_of(plan.headers, _CODING)
            self._held = [] if same else None
        return plan.headers

    @property
    def watches(self) -> bool:
        """Tell whether the body must go through ``feed`` and ``finish``."""
        return self._rewriter is not None or self._is_document

    def feed(self, chunk: bytes) -> bytes:
        """Pass on a chunk of the body.

        Raises:
            PageCorruptError: The answer cannot be completed; cut the connection.
        """
        if self._rewriter is not None:
            try:
                out = self._rewriter.feed(chunk)
            except Exception as error:  # noqa: BLE001 - fail open while the original can be given.
                return self._count(self._give_up(chunk, error))
            if out:
                self._held = None
            elif self._held is not None:
                self._held.append(chunk)
            return self._count(out)
        return self._count(chunk)

    def finish(self) -> bytes:
        """End the body; returns its last bytes.

        Raises:
            PageCorruptError: The answer cannot be completed; cut the connection.
        """
        out = b""
        if self._rewriter is not None:
            try:
                out = self._rewriter.finish()
                self._reason = self._rewriter.outcome
            except Exception as error:  # noqa: BLE001 - fail open while the original can be given.
                out = self._give_up(b"", error)
        self._count(out)
        self._decided = True
        return out

    def close(self, *, complete: bool) -> None:
        """Report the document, once, whatever became of it."""
        if not self._is_document:
            return
        self._is_document = False
        now = self.now()
        outcome: SkipReason | str = self._reason or INJECTED
        if self._rewriter is not None and not self._decided:
            # A rewriter holds everything until it has decided, so bytes out mean a decision.
            outcome = (self._rewriter.outcome or INJECTED) if self._sent else ABORTED
        report(
            Served(
                self.site.id,
                self._status,
                outcome,
                self._sent,
                (self._answered_at - self._asked_at) * 1000,
                (now - self._asked_at) * 1000,
                complete,
            ),
            self.on_served,
        )

    def _give_up(self, chunk: bytes, error: Exception) -> bytes:
        self._rewriter = None
        self._failed("body", error)
        if self._held is None:
            raise PageCorruptError
        original = b"".join([*self._held, chunk])
        self._held = None
        return original

    def _failed(self, at: str, error: Exception) -> None:
        """Count and log by type only: a message or traceback may quote the page."""
        self._reason = SkipReason.FAILED
        _FAILURES.labels(at).inc()
        _log.error("the injector failed at the %s: %s", at, type(error).__name__)

    def _count(self, chunk: bytes) -> bytes:
        self._sent += len(chunk)
        return chunk


def _is_html(headers: Fields) -> bool:
    return any(
        value.lower().startswith((b"text/html", b"application/xhtml+xml"))
        for value in values_of(headers, b"content-type")
    )
