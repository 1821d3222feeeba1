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
    for source in wanted["files"].values():
        assert source.startswith(tuple(wanted["packages"]))


def test_a_file_that_is_not_installed_is_left_out(portal: Portal) -> None:
    with portal.app.test_request_context():
        assert not has_asset("vendor/missing.js")
        assert asset("css/base.css").startswith("/static/css/base.css?v=")
