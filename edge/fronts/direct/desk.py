"""What all connections of a direct front share: one value, made by ``front``.

The one invariant: nothing here belongs to one request or one client.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.collector.client_ip import Networks
from edge.collector.endpoints import Endpoints
from edge.fronts.control import Control
from edge.fronts.operating import Answered, OnAnswered
from edge.fronts.page import Page
from edge.fronts.reception import Forward, Reception
from edge.fronts.served import OnServed
from edge.inject.plan import Tag
from edge.pictures.desk import PictureDesk
from edge.sites import Site
from edge.wire.refusal import ErrorPage, Prepared, render_error

if TYPE_CHECKING:
    from edge.fronts.direct.pool import Pool


@dataclass(slots=True, eq=False)
class Desk:
    """The parts; ``tick`` is the monotonic time in seconds, as of the last sweep."""

    reception: Reception
    endpoints: Endpoints
    tag_for: Callable[[Site], Tag]
    on_served: OnServed | None
    trusted: Networks
    proxy_protocol: bool
    pool: "Pool"
    now: Callable[[], float]
    new_id: Callable[[], str]
    on_answered: OnAnswered | None
    control: Control
    pictures: PictureDesk | None
    tick: float = 0.0
    draining: bool = False

    def open_page(self, route: Forward) -> Page:
        """Start the injector's part in an exchange."""
        return Page(
            route.site,
            self.tag_for,
            self.now,
            self.on_served,
            self.control,
            route.address,
            route.opted_out,
            self.pictures,
            route.ticket,
        )

    def error_page(self, answer: Prepared, request_id: str = "") -> ErrorPage:
        """Write an answer of ours."""
        return render_error(answer, request_id or self.new_id())

    def begin(self) -> float:
        """Tell when a request began, in monotonic seconds; 0 where nobody is told of requests."""
        return self.now() if self.on_answered is not None else 0.0

    def note_answered(  # noqa: PLR0913 - a line of the request log.
        self,
        since: float,
        site_id: int,
        method: bytes,
        *,
        outcome: str,
        status: int,
        sent_bytes: int,
        request_id: str,
    ) -> None:
        """Tell whoever listens of a request that has ended; once for each."""
        if self.on_answered is None:
            return
        self.on_answered(
            Answered(
                site_id=site_id,
                method=method.decode("latin-1"),
                status=status,
                sent_bytes=sent_bytes,
                duration_ms=(self.now() - since) * 1000,
                request_id=request_id or self.new_id(),
                outcome=outcome,
            )
        )
