"""The bodies of the questions to ``signals``, for the description of the API.

Made of the lists by which they are read (``store.query.behaviour``). The one invariant: each names
exactly the keys that its question knows.
"""

from typing import Any

from store.query.behaviour import clicks, errors, forms, scroll, vitals
from store.query.behaviour.questions import MAX_LIMIT, WIDTH_CLASSES, By

type Schema = dict[str, Any]

QUESTION_KEYS = {
    "clicks": (clicks.KEYS, clicks.GROUPS),
    "scroll": (scroll.KEYS, scroll.GROUPS),
    "vitals": (vitals.KEYS, vitals.GROUPS),
    "errors": (errors.KEYS, ()),
    "forms": (forms.KEYS, ()),
}


def model_of(name: str) -> str:
    """Name the body of a question."""
    return f"{name.title()}Query"


def behaviour_schemas(common: Schema) -> Schema:
    """Describe the bodies; ``common`` are the parts that every question of the API has."""
    own: dict[str, Schema] = {
        "width": {"enum": list(WIDTH_CLASSES)},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "grid": {"type": "integer", "minimum": 0, "maximum": clicks.MAX_GRID},
        "grid_of": {"enum": list(clicks.GridOf)},
        "vital": {"enum": list(vitals.THRESHOLDS)},
    }
    orders = {"clicks": list(clicks.Order), "errors": list(errors.Order)}
    found: Schema = {}
    for name, (keys, groups) in QUESTION_KEYS.items():
        parts = {**common, **own, "by": _groups(groups), "order": {"enum": orders.get(name, [])}}
        found[model_of(name)] = {
            "type": "object",
            "properties": {key: parts[key] for key in keys},
            "required": ["site_id", "date_range"],
            "additionalProperties": False,
        }
    return found


def _groups(groups: tuple[By, ...]) -> Schema:
    return {"type": "array", "items": {"enum": list(groups)}, "uniqueItems": True}
