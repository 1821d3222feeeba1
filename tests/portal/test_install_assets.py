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
    for source in (*wanted["files"].values(), wanted["world"]):
        assert source.startswith(tuple(wanted["packages"]))


def test_a_file_that_is_not_installed_is_left_out(portal: Portal) -> None:
    with portal.app.test_request_context():
        assert not has_asset("vendor/missing.js")
        assert asset("css/base.css").startswith("/static/css/base.css?v=")


def test_countries_become_parts_of_one_drawing() -> None:
    script = 'addMap("world",{paths:{FR:{path:"M1,2l-0.5,3Z",name:"France"},_0:{path:"M0,0Z"}}});'
    drawn = install_assets.draw_world(script)
    assert '<g id="land"><path id="FR" d="M1,2l-0.5,3Z"/><path id="_0" d="M0,0Z"/></g>' in drawn
    assert "France" not in drawn


def test_the_installed_map_has_the_countries() -> None:
    drawn = (install_assets.VENDOR / "world.svg").read_text()
    assert drawn.count("<path") > 170
    assert 'id="FR"' in drawn
