"""Where one may be sent after signing in."""

import pytest

from portal.accounts.links import safe_path


@pytest.mark.parametrize("target", ["/", "/sites/a?f=is,source,Google", "/a//b", "/a:b"])
def test_our_own_paths_are_kept(target: str) -> None:
    assert safe_path(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "sites",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\tevil",
        " /a",
        "/a\nb",
        "javascript:alert(1)",
    ],
)
def test_ways_out_lead_home(target: str | None) -> None:
    assert safe_path(target) == "/"
