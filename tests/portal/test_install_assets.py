"""Third-party files: pinned, found, and not a condition of anything."""

import json
import re
from pathlib import Path

from portal import install_assets
from portal.page import asset, has_asset
from tests.portal.conftest import Portal


def test_every_version_is_exact_and_every_file_is_of_a_package() -> None:
    wanted = json.loads((Path(install_assets.__file__).parent / "assets.json").read_text())
    for version in wanted["packages"].values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    marks = [source for source, _ in wanted["marks"].values()]
    for source in (*wanted["files"].values(), wanted["world"], wanted["flags"], *marks):
        assert source.startswith(tuple(wanted["packages"]))


def test_a_file_that_is_not_installed_is_left_out(portal: Portal) -> None:
    with portal.app.test_request_context():
        assert not has_asset("vendor/missing.js")
        assert asset("css/base.css").startswith("/static/css/base.css?v=")


def test_countries_become_parts_of_one_drawing() -> None:
    shape = "M1.2,2.1l9.9,0.2l0.2,8.8l-9.7,0.1Z"
    script = (
        f'addMap("world",{{paths:{{FR:{{path:"{shape}",name:"France"}},_0:{{path:"{shape}"}}}}}});'
    )
    drawn = install_assets.draw_world(script)
    assert '<g id="land"><path id="FR" d="M1 2l10 0 0 9-9 0Z"/><path id="_0" d="M1' in drawn
    assert "France" not in drawn


def test_small_shapes_keep_tenths_and_are_never_lost_whole() -> None:
    assert install_assets.simpler("M5.04,5.0l0.3,0l0,0.3l-0.3,0Z") == "M5 5l0.3 0 0 0.3-0.3 0Z"
    speck = "M5.0,5.0l0.01,0l0,0.01Z"
    assert install_assets.simpler(speck) == speck


def test_a_mark_is_one_outline_in_one_colour(tmp_path: Path) -> None:
    drawing = '<svg viewBox="0 0 24 24"><title>x</title><path d="M1.2.999a1 1 0 011.126"/></svg>'
    (tmp_path / "x.svg").write_text(drawing)
    drawn = install_assets.draw_marks(tmp_path, {"x": ("x.svg", "#abc")})
    assert '<symbol id="x" viewBox="0 0 24 24">' in drawn
    assert '<path fill="#abc" d="M1.2.99a1 1 0 011.13"/>' in drawn


def test_the_installed_map_has_the_countries() -> None:
    drawn = (install_assets.VENDOR / "world.svg").read_text()
    assert drawn.count("<path") > 170
    assert 'id="FR"' in drawn
