"""The injection as one writes it for stock mitmdump: take the whole page, put the tag in.

mitmproxy decodes the page when ``content`` is read and encodes it again when it is set, so this is
also what it costs there on compressed pages.
"""

from mitmproxy import http

TAG = b'<script async="async" src="/sf/0123456789.js"></script>'


def response(flow: http.HTTPFlow) -> None:
    """Put the tag straight after ``<head>``."""
    answer = flow.response
    if answer and answer.headers.get("content-type", "").startswith("text/html") and answer.content:
        answer.content = answer.content.replace(b"<head>", b"<head>" + TAG, 1)
