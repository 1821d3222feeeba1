"""Where to go after signing in: only back into the portal, never out of it."""

from urllib.parse import urlsplit


def is_safe_path(target: str) -> bool:
    r"""Tell whether a target is a path of ours.

    Browsers read ``//host``, ``/\host`` and control characters as ways out of the site.
    """
    if not target.startswith("/") or target.startswith("//") or "\\" in target:
        return False
    if any(ord(character) < 0x21 or ord(character) == 0x7F for character in target):  # noqa: PLR2004 - ASCII controls
        return False
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc


def safe_path(target: str | None, otherwise: str = "/") -> str:
    """Give the target if it is a path of ours, else the other one."""
    return target if target and is_safe_path(target) else otherwise
