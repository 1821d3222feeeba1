"""The form of a goal; what a goal may be is ``portal.api.shapes.GoalBody``."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

from portal.language import N_, _
from portal.sites.fields import FieldError
from store.query.goals import GoalKind

KINDS = {
    GoalKind.EVENT.value: N_("A custom event"),
    GoalKind.PAGE.value: N_("A page view"),
    GoalKind.SCROLL.value: N_("Reading so far down a page"),
    GoalKind.HTTP.value: N_("An answer seen at the edge"),
}


class GoalForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """What reaches a goal and how it is shown."""

    kind = StringField(N_("Trigger"), default=GoalKind.EVENT.value)
    target = StringField(N_("Event or page"))
    name = StringField(N_("Shown as"))
    props = TextAreaField(N_("Only with these properties"))
    scroll = StringField(N_("Percent of the page seen"), default="50")
    method = StringField(N_("Method of the request"))
    status = StringField(N_("Status of the answer"))
    currency = StringField(N_("Currency of its revenue"))

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
        raise FieldError("props", _("Type name=value, one a line."))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _percent(text: str) -> int:
    text = text.strip().removesuffix("%").strip()
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:4]) <= 100:  # noqa: PLR2004 - percent
        raise FieldError("scroll", _("Type a whole number from 1 to 100."))
    return int(text)
