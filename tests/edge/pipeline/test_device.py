"""Device, screen, language and the mark of a bot."""

from collections.abc import Callable

import pytest

from edge.pipeline.device import put_device, put_language, screen_class
from edge.pipeline.draft import Draft

type Make = Callable[..., Draft]


@pytest.mark.parametrize(
    ("width", "name"),
    [(0, ""), (-1, ""), (1, "Mobile"), (575, "Mobile"), (576, "Tablet"), (991, "Tablet"),
     (992, "Laptop"), (1439, "Laptop"), (1440, "Desktop"), (65_535, "Desktop")],
)  # fmt: skip
def test_screen_class(width: int, name: str) -> None:
    assert screen_class(width) == name


@pytest.mark.parametrize(
    ("header", "language"),
    [(b"de-DE,de;q=0.9,en;q=0.8", "de"), (b"EN", "en"), (b" fil-PH", "fil"), (b"zh_CN", "zh"),
     (b"*", ""), (b"", ""), (b"x", ""), (b"english", ""), (b"\xff\xfe", ""), (b"de;q=1", "de")],
)  # fmt: skip
def test_language_has_no_region(a_draft: Make, header: bytes, language: str) -> None:
    draft = a_draft(headers={b"accept-language": header})
    put_language(draft)
    assert draft.language == language


def test_the_agent_is_read(a_draft: Make) -> None:
    draft = a_draft()
    put_device(draft)
    assert draft.device.browser == "Firefox"
