"""The bodies of the API's resources: the types that requests are read by and OpenAPI is made of.

Each field says what it means and its bounds; rules that need the database are ``portal.api.kept``.
The one invariant: what is read here fits its column.
"""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from store.query.funnels import MAX_STEPS, MAX_WINDOW_S, MIN_STEPS
from store.query.goals import MAX_SCROLL, Between, GoalKind, Within

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]+$")]
Id = Annotated[int, Field(ge=1, le=2_147_483_647)]


class Body(BaseModel):
    """What every body has in common: no unknown keys, no guessing of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GoalBody(Body):
    """A goal: what an event must be to count as a success."""

    kind: GoalKind = Field(strict=False, description="what reaches it")
    target: str = Field(
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x1f]+$",
        description="the event's name, or a pattern of the page's whole path (`*` any characters)",
    )
    name: str = Field("", max_length=120, pattern=r"^[^\x00-\x1f]*$", description="as it is shown")
    props: dict[Name, Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]] = (
        Field({}, max_length=3, description="properties of the event that must be equal")
    )
    scroll: int = Field(0, ge=0, le=MAX_SCROLL, description="percent of the page seen at least")
    currency: str = Field("", pattern=r"^([A-Z]{3})?$", description="of the revenue it earns")

    method: str = Field("", pattern=r"^[A-Z]{0,16}$", description="of the request, for kind http")
    status: str = Field(
        "",
        pattern=r"^([1-5](xx|[0-9]{2}))?$",
        description="of the answer, such as `303` or `2xx`, for kind http",
    )

    @model_validator(mode="after")
    def goes_together(self) -> Self:
        """Refuse what makes no sense for this kind."""
        if self.kind is not GoalKind.EVENT and (self.props or self.currency):
            raise ValueError("only a goal of kind event has props and currency")
        if (self.kind is GoalKind.SCROLL) != (self.scroll > 0):
            raise ValueError("a goal of kind scroll, and no other, has scroll from 1 to 100")
        if (self.kind is GoalKind.HTTP) != bool(self.method or self.status):
            raise ValueError("a goal of kind http, and no other, has a method, a status or both")
        if self.kind is not GoalKind.EVENT and not self.target.startswith(("/", "*")):
            raise ValueError("the pattern of a page begins with / or *")
        if self.kind is GoalKind.EVENT and self.target in {"pageview", "engagement"}:
            raise ValueError("pageview and engagement are no custom events: see page, scroll")
        return self

    def shown_name(self) -> str:
        """Return the name, or one made of what reaches the goal."""
        if self.name:
            return self.name
        if self.kind is GoalKind.PAGE:
            return f"Visit {self.target}"[:120]
        if self.kind is GoalKind.SCROLL:
            return f"Scroll {self.scroll}% on {self.target}"[:120]
        if self.kind is GoalKind.HTTP:
            return " ".join(filter(None, (self.method, self.target, self.status)))[:120]
        return self.target[:120]


class FunnelBody(Body):
    """A funnel: goals that are reached one after another."""

    name: Name
    steps: list[Id] = Field(
        min_length=MIN_STEPS, max_length=MAX_STEPS, description="ids of the site's goals, in order"
    )
    between: Between = Field(
        Between.ANY, strict=False, description="what may happen between two steps"
    )
    within: Within = Field(Within.VISITOR, strict=False, description="whose steps are followed")
    window_s: int = Field(
        86_400, ge=1, le=MAX_WINDOW_S, description="seconds from the first step to the last"
    )


class SegmentBody(Body):
    """A segment: filters saved under a name, for oneself or for everybody who sees the site."""

    name: Name
    filters: list[Any] = Field(min_length=1, description="in the form of `POST /api/v2/query`")
    shared: bool = Field(default=False, description="whether it is the whole site's")


class AnnotationBody(Body):
    """An annotation: a note at a day of the graphs."""

    day: date = Field(strict=False, description="a day of the site")
    text: Annotated[str, StringConstraints(min_length=1, max_length=280, pattern=r"^[^\x00]+$")]
    shared: bool = Field(default=False, description="whether it is the whole site's")


class TokenBody(Body):
    """A token: scopes that its owner holds at this site."""

    scopes: list[str] = Field(min_length=1, max_length=10, description="what it is good for")
