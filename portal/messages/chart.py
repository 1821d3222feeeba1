"""A bar chart as a PNG, for mail: mail programs show neither SVG nor scripts.

Drawn at twice its size for dense screens, on white, because mail has no dark theme to ask for. What
the bars say stands as text beside the picture too.
"""

from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from portal.messages.message import Point

WIDTH = 560
HEIGHT = 180
_SCALE = 2
_PAD_LEFT = 44
_PAD_TOP = 12
_PAD_BOTTOM = 26
_BAR = "#4361c2"
_LINE = "#e3e6ee"
_TEXT = "#5c6478"
_LABELS = 8


def draw_chart(points: Sequence[Point]) -> bytes:
    """Draw bars from 0; returns a PNG of twice ``WIDTH`` by ``HEIGHT`` pixels."""
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(11 * _SCALE)
    top = round_up(max((point.value for point in points), default=0))
    left, right = _PAD_LEFT * _SCALE, (WIDTH - 4) * _SCALE
    high, low = _PAD_TOP * _SCALE, (HEIGHT - _PAD_BOTTOM) * _SCALE
    for share in (0.0, 0.5, 1.0):
        y = low - share * (low - high)
        draw.line([(left, y), (right, y)], fill=_LINE, width=_SCALE)
        label = f"{top * share:,.10g}"
        draw.text((left - 6 * _SCALE, y), label, fill=_TEXT, font=font, anchor="rm")
    slot = (right - left) / max(len(points), 1)
    every = -(-len(points) // _LABELS) or 1
    for place, point in enumerate(points):
        x = left + slot * place
        width = max(slot * 0.68, 1)
        y = low - (low - high) * point.value / top
        if point.value > 0:
            draw.rectangle([x + (slot - width) / 2, y, x + (slot + width) / 2, low], fill=_BAR)
        if place % every == 0:
            at = (x + slot / 2, low + 5 * _SCALE)
            draw.text(at, point.label, fill=_TEXT, font=font, anchor="ma")
    out = BytesIO()
    image.quantize(32).save(out, "PNG", optimize=True)
    return out.getvalue()


def round_up(value: float) -> int:
    """Give the axis' end: a round number that is even, so that its half is whole."""
    decade = 1
    while value > 10 * decade:
        decade *= 10
    steps = (2, 4, 6, 8, 10) if decade == 1 else (2, 3, 4, 5, 6, 8, 10)
    return next(step * decade for step in steps if step * decade >= value)
