"""The gallery: only where debugging is on, and complete."""

import re
from collections.abc import Callable

from portal.design.views import _SYMBOL, _TOKEN
from portal.styles import STATIC, STYLE_SHEETS
from tests.portal.conftest import Portal


def test_the_gallery_is_for_development_only(
    portal: Portal, make_portal: Callable[..., Portal]
) -> None:
    assert portal.somebody().get("/design").status_code == 404
    assert make_portal(gallery=True).somebody().get("/design").status_code == 200


def test_it_shows_every_colour_and_icon(make_portal: Callable[..., Portal]) -> None:
    text = make_portal(gallery=True).somebody().get("/design").text
    painted = (STATIC / "css" / "gallery.css").read_text()
    for name in _TOKEN.findall((STATIC / "css" / "tokens.css").read_text()):
        assert f"<code>{name}</code>" in text
        assert f".colour-{name} {{" in painted
    for name in _SYMBOL.findall((STATIC / "icons.svg").read_text()):
        assert f"<code>{name}</code>" in text


def test_colours_are_in_one_file() -> None:
    for sheet in STYLE_SHEETS:
        if sheet != "tokens":
            css = re.sub(
                r"/\*.*?\*/", "", (STATIC / "css" / f"{sheet}.css").read_text(), flags=re.DOTALL
            )
            assert not re.search(r"#[0-9a-f]{3,6}\b[^{]*;|rgb\(|hsl\(", css), sheet


def test_every_style_sheet_is_laid_on_a_page() -> None:
    known = {file.stem for file in (STATIC / "css").glob("*.css")}
    assert known == {*STYLE_SHEETS, "gallery"}  # One that its page lays itself.
