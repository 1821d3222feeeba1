"""The injector's part in one exchange, made safe: plan, rewrite, count.

Every front drives this with the request's and the answer's fields and the body's chunks. What is
injected where is ``edge.inject``, who may switch it off is ``control``; this module adds what the
customer's page is owed when something in there fails, and measures what the injector costs it. The
one invariant: an exception in control, planning, the tag or the rewriter leaves the page
byte-identical; where bytes of it are already out, the answer is cut off rather than corrupted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from secrets import randbits
from time import perf_counter

from edge.event import Address
from edge.fronts.control import ALONE, Control, Late
from edge.fronts.failures import note_failure
from edge.fronts.ledger import LEDGER
from edge.fronts.loads import can_confirm, draw_load, is_kept
from edge.fronts.served import ABORTED, INJECTED, Asked, OnServed, Served, tell
from edge.inject.decide import DOCUMENT_DESTS, SkipReason, decline_status
from edge.inject.plan import BodyRewriter, RequestPlan, Tag, plan_request, plan_response
from edge.inject.stance import PICTURED
from edge.pictures.desk import PictureDesk, Taken, charset_of, open_tap
from edge.pictures.tap import Tap
from edge.pictures.ticket import Ticket
from edge.sites import Https, Site
from edge.wire.fields import Field, Fields, values_of
from edge.wire.hsts import with_hsts

_CODING = b"content-encoding"
_SAYS = b"X-Statflow"
_NOT_MODIFIED = 304
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DESPITE_HEADERS = frozenset({SkipReason.CANARY, SkipReason.BREAKER, SkipReason.FAILED})
"""Reasons of an answer that is not to blame itself."""
_TRIED = frozenset({INJECTED, ABORTED, SkipReason.FAILED})


class PageCorruptError(Exception):
    """The rewriter failed after bytes of its own were sent; the answer cannot be completed."""


@dataclass(slots=True)
class Page:
    """One exchange of a site, seen by the injector.

    Without an ``address``, the visitor's, a canary goes by paths alone. ``opted_out``: the visitor
    bears our cookie, which is not among the fields for the origin. Units: times are monotonic
    seconds. With a ``ticket`` the page is not tagged and not counted as served: somebody of the
    site's team takes its picture.
    """

    site: Site
    tag_for: Callable[[Site], Tag]
    now: Callable[[], float]
    on_served: OnServed | None = None
    control: Control = ALONE
    address: Address | None = None
    opted_out: bool = False
    pictures: PictureDesk | None = None
    ticket: Ticket | None = None
    draw: Callable[[int], int] = randbits
    _asked: Asked | None = None
    _load_id: int = 0
    _shows_copy: bool = False
    _location: bytes = b""
    _tap: Tap | None = None
    _charset: bytes = b""
    _url: str = ""
    _is_bodiless: bool = False
    _plan: RequestPlan | None = None
    _late: Late | None = None
    _rewriter: BodyRewriter | None = None
    _held: list[bytes] | None = None
    _reason: SkipReason | None = None
    _is_document: bool = False
    _is_eligible: bool = False
    _status: int = 0
    _sent: int = 0
    _asked_at: float = 0.0
    _answered_at: float = 0.0
    _added_s: float = 0.0
    _holding_since: float = 0.0
    _decided: bool = False
    _says_hsts: bool = False
    _explains: bool = False

    def request(self, method: str, target: bytes, headers: Fields, origin: str) -> list[Field]:
        """Plan for a request; returns the fields to send to the origin."""
        self._asked_at = self.now()
        began = perf_counter()
        site = self.site
        if self.ticket is not None:
            self._url = origin + target.decode("latin-1")
        if self.on_served is not None and self.ticket is None:
            self._asked = Asked(site, method, target, headers, origin, self.address, self.opted_out)
        self._says_hsts = site.https is Https.REDIRECT_HSTS and origin.startswith("https:")
        try:
            self._explains = self.control.explains(site, headers)
            tag = self.tag_for(site)
            stance, self._late = self.control.permit(site, target, headers, self.address)
            if self.ticket is not None:
                stance = PICTURED
            self._plan = plan_request(
                site, method, target, _as_list(headers), tag, origin=origin, stance=stance
            )
        except Exception as error:  # noqa: BLE001 - fail open: the page passes without us.
            self._failed("request", error)
            return list(headers)
        self._added_s = perf_counter() - began
        return self._plan.headers

    def response(self, status: int, headers: Fields, *, has_body: bool) -> list[Field]:
        """Plan for the origin's answer; returns the fields to send to the client."""
        self._answered_at = self.now()
        began = perf_counter()
        self._status = status
        original = _as_list(headers)
        try:
            self._is_document = has_body and _is_html(headers)
            planned = self._respond(status, original, has_body=has_body)
            if self._asked is not None:
                planned = self._note_answer(self._asked, status, original, planned)
            if self.ticket is not None and self._is_document:
                self._tap, self._charset = open_tap(status, original), charset_of(original)
        except Exception as error:  # noqa: BLE001 - fail open: the page passes without us.
            self._failed("response", error)
            self._rewriter, planned = None, original
        if self._explains and not self.withholds_head:
            planned = [*planned, self.explanation]
        self._added_s += perf_counter() - began
        return with_hsts(planned) if self._says_hsts else planned

    def _respond(self, status: int, original: list[Field], *, has_body: bool) -> list[Field]:
        may_be_page = self._is_document and decline_status(status) is None
        request = self._plan
        if request is None:
            self._is_eligible = may_be_page
            return original
        self._is_eligible = request.is_document and may_be_page
        if request.stance.reason is not None and status != _NOT_MODIFIED:
            self._reason = request.stance.reason
            return original
        plan = plan_response(request, status, original)
        self._reason = reason = plan.reason
        if plan.body is None:
            self._is_eligible = self._is_eligible and reason in _DESPITE_HEADERS
            return plan.headers
        if not has_body:
            self._reason = SkipReason.EMPTY
            return original
        self._is_eligible = True
        self._rewriter = plan.body
        same = values_of(original, _CODING) == values_of(plan.headers, _CODING)
        self._held = [] if same else None
        return plan.headers

    def _note_answer(
        self, asked: Asked, status: int, original: list[Field], planned: list[Field]
    ) -> list[Field]:
        """Note what a hit will tell of this answer; returns the fields, with a load id or not."""
        shows_tag = self._rewriter is not None and self._reason is None
        if not self._is_document and asked.site.notes_documents and _is_navigation(asked):
            if status in _REDIRECTS:
                self._location = b"".join(values_of(original, b"location")[:1])
            self._is_bodiless = bool(self._location) or status == _NOT_MODIFIED
            shows_tag = status == _NOT_MODIFIED and self._is_copy_tagged()
            self._shows_copy = shows_tag
        if not (shows_tag and can_confirm(asked)) or is_kept(original):
            return planned
        self._load_id, field = draw_load(asked, status, self.draw)
        return [*planned, field]

    def _is_copy_tagged(self) -> bool:
        """Tell whether the copy that a 304 confirms is one with the tag of today."""
        plan = self._plan
        if plan is None or not plan.candidate:
            return False
        return plan.conditions.is_current

    @property
    def withholds_head(self) -> bool:
        """Tell whether the answer's head, which has to explain, must wait for ``explanation``.

        That is known before the first bytes that ``feed`` or ``finish`` give back. Only requests
        that may ask why are ever made to wait.
        """
        return self._explains and self._rewriter is not None and self._reason is None

    @property
    def explanation(self) -> Field:
        """Say in a field what was done to the page, and why not more."""
        outcome = SkipReason.FAILED if self._plan is None else self._reason or self._outcome()
        said = outcome if outcome == INJECTED else f"skipped:{outcome}"
        return _SAYS, said.encode()

    @property
    def watches(self) -> bool:
        """Tell whether the body must go through ``feed`` and ``finish``."""
        return self._rewriter is not None or self._is_document

    def feed(self, chunk: bytes) -> bytes:
        """Pass on a chunk of the body.

        Raises:
            PageCorruptError: The answer cannot be completed; cut the connection.
        """
        if self._tap is not None:
            self._tap.feed(chunk)
        if self._rewriter is None:
            self._sent += len(chunk)
            return chunk
        began = perf_counter()
        try:
            out = self._rewriter.feed(chunk)
        except Exception as error:  # noqa: BLE001 - fail open while the original can be given.
            out = self._give_up(chunk, error)
        if out:
            self._held = None
            self._added_s += perf_counter() - (self._holding_since or began)
            self._holding_since = 0.0
            self._sent += len(out)
            return out
        if self._held is not None:
            self._held.append(chunk)
        self._holding_since = self._holding_since or began
        return out

    def finish(self) -> bytes:
        """End the body; returns its last bytes.

        Raises:
            PageCorruptError: The answer cannot be completed; cut the connection.
        """
        out = b""
        if self._rewriter is not None:
            began = self._holding_since or perf_counter()
            try:
                out = self._rewriter.finish()
                self._reason = self._rewriter.outcome
            except Exception as error:  # noqa: BLE001 - fail open while the original can be given.
                out = self._give_up(b"", error)
            self._added_s += perf_counter() - began
            self._sent += len(out)
        self._decided = True
        return out

    def close(self, *, complete: bool) -> None:
        """Report the document, once, whatever became of it; never raises."""
        is_html = self._is_document
        if not (is_html or self._is_bodiless):
            return
        self._is_document = self._is_bodiless = False
        try:
            if complete:
                self._take_picture()
            outcome = self._outcome()
            if is_html:
                self._count(outcome, complete=complete)
                self._tell_control(outcome, complete=complete)
            if self.on_served is not None and self._asked is not None:
                served = self._served(self._asked, outcome, is_html=is_html, complete=complete)
                tell(served, self.on_served)
        except Exception as error:  # noqa: BLE001 - the page has been served.
            self._failed("end", error)

    def _take_picture(self) -> None:
        body = self._tap.take() if self._tap is not None else None
        if body is not None and self.pictures is not None and self.ticket is not None:
            self.pictures.take(Taken(self.site, self.ticket, self._url, self._charset, body))

    def _outcome(self) -> SkipReason | str:
        if self._rewriter is not None and not self._decided:
            # A rewriter holds everything until it has decided, so bytes out mean a decision.
            return (self._rewriter.outcome or INJECTED) if self._sent else ABORTED
        return self._reason or INJECTED

    def _count(self, outcome: SkipReason | str, *, complete: bool) -> None:
        tally = LEDGER.of(self.site.id)
        tally.count(outcome)
        tally.eligible += self._is_eligible
        tally.cut += not complete
        tally.ttfb.observe(self._answered_at - self._asked_at)
        tally.added.observe(self._added_s)

    def _tell_control(self, outcome: SkipReason | str, *, complete: bool) -> None:
        """Let the breaker learn; only documents are compared, for a script may leave at will."""
        late = self._late
        if outcome in _TRIED or (late is not None and late.ticket):
            failed = outcome is SkipReason.FAILED
            self.control.record_tried(self.site.id, failed=failed, aborted=not complete, late=late)
        elif self._is_eligible:
            self.control.record_plain(self.site.id, aborted=not complete)

    def _served(
        self, asked: Asked, outcome: SkipReason | str, *, is_html: bool, complete: bool
    ) -> Served:
        return Served(
            asked=asked,
            status=self._status,
            outcome=outcome,
            sent_bytes=self._sent,
            ttfb_ms=(self._answered_at - self._asked_at) * 1000,
            duration_ms=(self.now() - self._asked_at) * 1000,
            complete=complete,
            is_html=is_html,
            location=self._location,
            load_id=self._load_id,
            shows_tag=outcome == INJECTED or self._shows_copy,
            bars_beacon=self._rewriter is not None and self._rewriter.bars_beacon,
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
        self._reason = SkipReason.FAILED
        note_failure(at, error)


def _as_list(headers: Fields) -> list[Field]:
    return headers if isinstance(headers, list) else list(headers)


def _is_navigation(asked: Asked) -> bool:
    """Tell whether a request without a document for an answer was for one."""
    if asked.method not in {"GET", "HEAD", "POST"}:
        return False
    dest = values_of(asked.headers, b"sec-fetch-dest")
    if dest:
        return dest[0].lower() in DOCUMENT_DESTS
    return any(b"text/html" in value for value in values_of(asked.headers, b"accept"))


def _is_html(headers: Fields) -> bool:
    for value in values_of(headers, b"content-type"):
        if value.lower().startswith((b"text/html", b"application/xhtml+xml")):
            return True
    return False
