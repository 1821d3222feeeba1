"""Steps: what the tracker's modules saw, only where the site has them on, and without values.

Which signals there are is ``edge.signals``; the tracker takes values out of an error's message
first, this is the second net. The one invariant: a signal of a module that is off is not kept.
"""

import re

from edge.outcomes import DropReason
from edge.pipeline.draft import Draft
from edge.signals import SIGNALS

_ERROR = "$error"
_QUERY = re.compile(r"\?\S+")
_NUMBER = re.compile(r"\b\d[\w.]*", re.ASCII)
_CODE = re.compile(r"\b\w*\d\w*\d\w*", re.ASCII)
_QUOTED = re.compile(r"""(["'`])(.{1,300}?)\1""")
_NAME = re.compile(r"[A-Za-z_$][\w$.]{0,39}", re.ASCII)
_NAMING = ("TypeError", "ReferenceError", "SyntaxError")
"""Types whose messages quote names of the program, not what it works on."""


def drop_module_off(draft: Draft) -> DropReason | None:
    """Drop a signal of a module that the site does not have on."""
    signal = SIGNALS.get(draft.beacon.name)
    if signal is None or signal.module in draft.sender.site.modules:
        return None
    return DropReason.MODULE_OFF


def put_signal(draft: Draft) -> None:
    """Take out of an error what it says of the visitor: values, and the query of the script."""
    if draft.beacon.name != _ERROR:
        return
    props = draft.props
    props["m"] = without_values(props["m"], props["t"])
    if "f" in props:
        props["f"] = re.split(r"[?#]", props["f"], maxsplit=1)[0]


def without_values(message: str, kind: str) -> str:
    """Write a message so that every occurrence of an error has the same one."""

    def quoted(match: re.Match[str]) -> str:
        is_name = kind in _NAMING and _NAME.fullmatch(match[2])
        return match[0] if is_name else f"{match[1]}…{match[1]}"

    message = _QUERY.sub("?", _QUOTED.sub(quoted, message))
    return _CODE.sub("…", _NUMBER.sub("0", message))
