"""Tell of an exception by its kind and place, never by its words.

An exception's text, and a traceback's, may quote a page, an address or an agent. The one invariant:
what this gives holds nothing of what was being worked on.
"""

from traceback import extract_tb


def place_of(error: BaseException) -> str:
    """Name an error's class and where it was raised: ``KeyError at csp.py:120 (amend)``."""
    frames = extract_tb(error.__traceback__)
    kind = type(error).__name__
    if not frames:
        return kind
    last = frames[-1]
    return f"{kind} at {last.filename.rpartition('/')[2]}:{last.lineno} ({last.name})"
