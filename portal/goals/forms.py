"""The form of a goal; what a goal may be is ``portal.api.shapes.GoalBody``."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

from portal.sites.fields import FieldError
from store.query.goals import GoalKind

KINDS = {
    GoalKind.EVENT.value: "A custom event",
    GoalKind.PAGE.value: "A page view",
    GoalKind.SCROLL.value: "Reading so far down a page",
    GoalKind.HTTP.value: "An answer seen at the edge",
}


class GoalForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What reaches a goal and how it is shown."""

    kind = StringField("What reaches it", default=GoalKind.EVENT.value)
    target = StringField("Event or page")
    name = StringField("Shown as")
    props = TextAreaField("Only with these properties")
    scroll = StringField("Percent of the page seen", default="50")
    method = StringField("Method of the request")
    status = StringField("Status of the answer")
    currency = StringField("Currency of its revenue")

    def values(self) -> dict[str, Any]:
        """Give what was typed as a body of the API; what the kind does not have is left out.

        Raises:
            FieldError: It cannot be read.
        """
        kind = self.kind.data or ""
        of_event, of_answer = kind == GoalKind.EVENT, kind == GoalKind.HTTP
        return {
            "kind": kind,
            "target": (self.target.data or "").strip(),
            "name": (self.name.data or "").strip(),
            "props": read_props(self.props.data or "") if of_event else {},
            "scroll": _percent(self.scroll.data or "") if kind == GoalKind.SCROLL else 0,
            "method": (self.method.data or "").strip().upper() if of_answer else "",
            "status": (self.status.data or "").strip().lower() if of_answer else "",
            "currency": (self.currency.data or "").strip().upper() if of_event else "",
        }


def as_typed(goal: dict[str, Any]) -> dict[str, str]:
    """Write a goal as the form shows it."""
    props = "\n".join(f"{name}={value}" for name, value in goal["props"].items())
    scroll = str(goal["scroll"] or 50)
    return {**{key: str(value) for key, value in goal.items()}, "props": props, "scroll": scroll}


def read_props(text: str) -> dict[str, str]:
    """Read ``name=value``, one a line.

    Raises:
        FieldError: A line has no name or no equals sign.
    """
    pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise FieldError("props", "Type name=value, one a line.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _percent(text: str) -> int:
    text = text.strip().removesuffix("%").strip()
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:4]) <= 100:  # noqa: PLR2004 - percent
        raise FieldError("scroll", "Type a whole number from 1 to 100.")
    return int(text)
