"""What a browser needs to draw a map over the picture of its page.

Pure. Clicks are placed by element, for an element's place survives other widths and layouts; each
element also has its cells of the whole page, for pictures in which it is not. The one invariant:
the clicks of an element in both grids are the same clicks.
"""

from typing import Any

CELLS = 16
"""Columns and rows of an element."""
MOST_ELEMENTS = 300
FRAME_PX = {"": 1280, "Mobile": 390, "Tablet": 820, "Laptop": 1280, "Desktop": 1680}
"""How wide a page is shown for each class of windows; all classes as a laptop has it."""


def clicks_over(
    within: dict[str, Any], page: dict[str, Any], total: int, order: str
) -> dict[str, Any]:
    """Give the clicks of two answers of ``clicks`` by element, one in each grid.

    Shapes: ``elements`` are ``[selector, count, cells in it, cells of the page]``, a cell is
    ``[column, row, count]``.
    """
    on_page = {row["element"]: row["grid"] for row in page["results"]}
    elements = [
        [row["element"], row[order], row["grid"], on_page.get(row["element"], [])]
        for row in within["results"]
    ]
    return {
        "elements": elements,
        "cells": CELLS,
        "page": [page["meta"]["grid"]["columns"], page["meta"]["grid"]["rows"]],
        "total": total,
    }


def scroll_over(row: dict[str, Any]) -> dict[str, Any]:
    """Give how much of the views reached each band of the page, from its top."""
    return {"reached": row["reached"]}
