"""The gallery: tokens, icons and every component in every state, on one page.

Only where debugging is on (``STATFLOW_DEBUG``), and with made-up numbers alone: it opens nothing to
anybody. What is drawn here is drawn by the same templates as everywhere.
"""

import re
from typing import Any

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from portal.config import here
from portal.needs import Who, needs
from portal.styles import STATIC

blueprint = Blueprint("design", __name__)
_TOKEN = re.compile(r"--([a-z0-9-]+): light-dark")
_SYMBOL = re.compile(r'<symbol id="([a-z]+)"')
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ROWS = (
    {"value": "/", "metrics": [1_234_567_890, 61.5], "width": 100},
    {"value": f"/{LONG}/{LONG}", "metrics": [12_345, 20], "width": 60},
    {"value": "/مرحبا/بالعالم", "metrics": [9_999, 8.25], "width": 30},
    {"value": "/<script>alert(1)</script>", "metrics": [1, 0.01], "width": 0.5},
    {"value": "/nothing", "metrics": [0, 0], "width": 0},
)
STEPS: tuple[dict[str, Any], ...] = (
    {"goal": "See the shop", "count": 12_400, "conversion_rate": 100, "dropoff": 0},
    {"goal": LONG, "count": 3_100, "conversion_rate": 25, "dropoff": 9_300, "dropoff_rate": 75},
    {"goal": "Order", "count": 3_100, "conversion_rate": 25, "dropoff": 0, "dropoff_rate": 0},
)


@blueprint.get("/design")
@needs(Who.ANYBODY)
def gallery() -> ResponseReturnValue:
    """Show everything that pages are made of."""
    if not here().config.gallery:
        abort(404)
    return render_template(
        "design/gallery.html",
        colours=dict.fromkeys(_TOKEN.findall((STATIC / "css" / "tokens.css").read_text())),
        icons=_SYMBOL.findall((STATIC / "icons.svg").read_text()),
        rows=ROWS,
        steps={"steps": STEPS},
        long=LONG,
    )
