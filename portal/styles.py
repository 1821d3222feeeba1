"""All style sheets as one file, so that a page waits for one answer before it is drawn.

The sheets stay single files in ``static/css``; nothing has to be built after a change of them. The
one invariant: the file says what its sheets say one after another, without remarks and blank space.
"""

import re
from functools import cache
from pathlib import Path

from flask import Flask, Response, request

STATIC = Path(__file__).with_name("static")
BUNDLE = "styles.css"
STYLE_SHEETS = (
    *("tokens", "base", "settings", "forms", "rules", "edge", "behaviour"),
    *("sites", "bar", "headline", "chart", "cards", "reports", "live", "states"),
)
"""In the order in which they are laid over one another."""
_REMARK = re.compile(r"/\*.*?\*/", re.DOTALL)
_BLANKS = re.compile(r"\s+")


@cache
def bundle() -> bytes:
    """Give the sheets as one, once a process."""
    files = [STATIC / "css" / f"{name}.css" for name in STYLE_SHEETS]
    return "".join(packed(file.read_text()) for file in files).encode()


def packed(sheet: str) -> str:
    """Take remarks, and blank space beyond what separates words, out of a sheet of ours.

    Ours alone: a string with two blanks or the sign of a remark in it would not stay as it is.
    """
    plain = _BLANKS.sub(" ", _REMARK.sub("", sheet)).strip()
    return re.sub(r" ?([{};]) ?", r"\1", plain).replace(";}", "}")


class Styled(Flask):
    """The application, which serves the sheets as one among its static files."""

    def send_static_file(self, filename: str) -> Response:
        """Serve a file, or the sheets under the name of a file."""
        if filename != BUNDLE:
            return super().send_static_file(filename)
        answer = Response(bundle(), mimetype="text/css")
        answer.add_etag()
        answer.cache_control.no_cache = True
        answer.make_conditional(request, accept_ranges=True, complete_length=len(bundle()))
        return answer
