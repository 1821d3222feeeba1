"""Steps: device, screen class and language.

The user agent is read by ``edge.pipeline.agents``; bots are ``edge.pipeline.bots``. The one
invariant: only classes and major versions are kept, nothing as fine as a build number or a size in
pixels.
"""

import re
from functools import lru_cache

from edge.pipeline.draft import Draft

SCREENS = ((576, "Mobile"), (992, "Tablet"), (1_440, "Laptop"))
"""Viewport widths in CSS pixels below which a screen is of a class; from there on ``Desktop``."""
_WIDEST = "Desktop"
_LANGUAGE = re.compile(rb"\s*([A-Za-z]{2,3})(?=[-_,;\s]|$)")


def put_device(draft: Draft) -> None:
    """Set browser, system and device class with their major versions."""
    draft.device = draft.context.devices.read(draft.sender.agent)


def put_screen(draft: Draft) -> None:
    """Set the screen class by the viewport's width."""
    draft.screen = screen_class(draft.beacon.viewport_px)


def put_language(draft: Draft) -> None:
    """Set the first accepted language, without its region."""
    draft.language = _language(draft.context.headers.get(b"accept-language", b""))


@lru_cache(maxsize=1_024)
def _language(accepted: bytes) -> str:
    match = _LANGUAGE.match(accepted)
    return match.group(1).lower().decode() if match else ""


def screen_class(viewport_px: int) -> str:
    """Sort a width into a class; an unknown one has none."""
    if viewport_px <= 0:
        return ""
    for below_px, name in SCREENS:
        if viewport_px < below_px:
            return name
    return _WIDEST
