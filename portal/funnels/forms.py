"""The form of a funnel; what a funnel may be is ``portal.api.shapes.FunnelBody``.

Steps are choices among the site's goals, so a funnel is built without a script: each button sends
the form, which comes back with a step more, one less, or two changed round.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField

from portal.language import N_, _
from portal.sites.fields import FieldError
from store.query.funnels import MAX_STEPS, MAX_WINDOW_S, MIN_STEPS
from store.query.goals import Between, Within

WITHIN = {
    Within.VISITOR.value: N_("One visitor, over several visits too"),
    Within.VISIT.value: N_("One visit"),
}
BETWEEN = {
    Between.ANY.value: N_("Anything may happen between two steps"),
    Between.NOTHING.value: N_("Each step comes straight after the one before"),
}
UNITS = {"60": N_("minutes"), "3600": N_("hours"), "86400": N_("days")}
_SHOWN = 3
"""Choices that a new funnel begins with."""


class FunnelForm(FlaskForm):  # type: ignore[misc] # flask_wtf has no types
    """A funnel's name and terms; its steps are read beside it."""

    name = StringField(N_("Name"))
    steps = StringField(N_("Steps"))
    within = StringField(N_("Who takes the steps"), default=Within.VISITOR.value)
    between = StringField(N_("In between"), default=Between.ANY.value)
    window = StringField(N_("Time from the first step to the last"), default="1")
    unit = StringField(N_("Unit of time"), default="86400")

    def window_s(self) -> int:
        """Give the window in seconds.

        Raises:
            FieldError: It is no number, or too long.
        """
        text = (self.window.data or "").strip()
        unit = self.unit.data if self.unit.data in UNITS else "86400"
        if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) * int(unit) <= MAX_WINDOW_S:
            return int(text[:9]) * int(unit)
        raise FieldError("window", _("Type a whole number; the longest is 31 days."))

    def values(self, steps: Sequence[int]) -> dict[str, Any]:
        """Give what was typed as a body of the API.

        Raises:
            FieldError: It cannot be read, or has too few or too many steps.
        """
        if not MIN_STEPS <= len(steps) <= MAX_STEPS:
            raise FieldError(
                "steps",
                _(
                    "A funnel has from %(min_steps)s to %(max_steps)s steps.",
                    min_steps=MIN_STEPS,
                    max_steps=MAX_STEPS,
                ),
            )
        return {
            "name": (self.name.data or "").strip(),
            "steps": list(steps),
            "within": self.within.data,
            "between": self.between.data,
            "window_s": self.window_s(),
        }


@dataclass
class Steps:
    """The choices as they stand on the page: ids of goals, 0 where none is chosen yet."""

    chosen: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, typed: Sequence[str]) -> "Steps":
        """Read what was sent."""
        small = [text for text in typed[:MAX_STEPS] if text.isascii() and len(text) < 10]  # noqa: PLR2004 - fits 32 bits
        return cls([int(text) if text.isdecimal() else 0 for text in small])

    @property
    def filled(self) -> list[int]:
        """The goals that are chosen, in order."""
        return [step for step in self.chosen if step]

    @property
    def shown(self) -> list[int]:
        """The choices to draw: at least as many as a new funnel begins with."""
        return self.chosen + [0] * (_SHOWN - len(self.chosen))

    def act(self, what: str) -> None:
        """Do what a button says: ``more``, ``drop:2``, ``up:2``."""
        name, _, place = what.partition(":")
        at = int(place) if place.isascii() and place.isdecimal() and len(place) < 3 else 0  # noqa: PLR2004 - a step
        self.chosen = self.shown
        if name == "more" and len(self.chosen) < MAX_STEPS:
            self.chosen.append(0)
        elif name == "drop" and at < len(self.chosen):
            del self.chosen[at]
        elif name == "up" and 0 < at < len(self.chosen):
            self.chosen.insert(at - 1, self.chosen.pop(at))


def as_typed(funnel: dict[str, Any]) -> dict[str, str]:
    """Write a funnel as the form shows it, its window in the largest unit that fits."""
    seconds = int(funnel["window_s"])
    unit = next((size for size in (86_400, 3_600) if seconds % size == 0), 60)
    if seconds % unit:
        seconds += unit - seconds % unit
    typed = {name: str(funnel[name]) for name in ("name", "within", "between")}
    return {**typed, "window": str(seconds // unit), "unit": str(unit)}
