"""Files go out compressed to who unpacks them; pages, which hold secrets, never do."""

import gzip
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from portal.models import Role
from portal.styles import STATIC
from tests.portal.conftest import Person, Portal

FILE = "/static/css/base.css"
GZIP = {"Accept-Encoding": "br, gzip"}
RAW = (STATIC / "css" / "base.css").read_bytes()


def fetch(person: Person, path: str = FILE, **options: Any) -> tuple[int, Headers, bytes]:
    with person.client.open(path, **options) as answer:
        return answer.status_code, answer.headers, answer.data


def test_a_file_is_smaller_and_the_same(portal: Portal) -> None:
    _, headers, data = fetch(portal.somebody(), headers=GZIP)
    assert headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in headers["Vary"]
    assert len(data) * 2 < len(RAW)
    assert int(headers["Content-Length"]) == len(data)
    assert gzip.decompress(data) == RAW


def test_who_does_not_unpack_gets_it_plain(portal: Portal) -> None:
    _, headers, data = fetch(portal.somebody())
    assert "Content-Encoding" not in headers
    assert "Accept-Encoding" in headers["Vary"]
    assert data == RAW


def test_a_copy_is_confirmed_and_a_part_is_a_part(portal: Portal) -> None:
    somebody = portal.somebody()
    kept = fetch(somebody, headers=GZIP)[1]["ETag"]
    assert fetch(somebody, headers=GZIP | {"If-None-Match": kept})[0] == 304
    part = fetch(somebody, headers=GZIP | {"Range": "bytes=0-9"})
    assert (part[0], part[2]) == (206, RAW[:10])
    head = fetch(somebody, method="HEAD", headers=GZIP)
    assert (head[0], head[2]) == (200, b"")


@pytest.mark.parametrize("path", ["/login", "/sites", "/api/openapi.json"])
def test_nothing_else_is_compressed(portal: Portal, path: str) -> None:
    person = portal.user("a@b.c", Role.VIEWER)
    assert "Content-Encoding" not in fetch(person, path, headers=GZIP)[1]
