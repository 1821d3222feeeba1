"""The browser tracker; Python only locates its frozen builds under ``dist/``."""

from pathlib import Path

DIST = Path(__file__).parent / "dist"
