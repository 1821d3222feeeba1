"""Both layouts of a folder of certificates, and what cannot be read."""

from pathlib import Path

import pytest

from edge.fronts.nginx_certificates import find_certificates
from edge.fronts.nginx_text import NginxError
from tests.support.certificates import Authority


def test_both_layouts_are_read_and_own_names_win(tmp_path: Path) -> None:
    authority, folder = Authority(tmp_path), tmp_path / "tls"
    authority.write_pair(folder / "a.example", "a.example", "b.example")
    authority.write_pair(folder / "_.wild.example", "*.wild.example")
    authority.write_pair(folder / ".hidden", "hidden.example")
    authority.write_pair(tmp_path / "made", "b.example")
    (tmp_path / "made" / "fullchain.pem").rename(folder / "b.example.crt")
    (tmp_path / "made" / "privkey.pem").rename(folder / "b.example.key")
    (folder / "b.example.issuer.crt").write_text("not asked")
    (folder / "README").write_text("not asked")

    found = find_certificates(folder)

    assert sorted(found) == ["*.wild.example", "a.example", "b.example"]
    assert found["a.example"].chain == f"{folder}/a.example/fullchain.pem"
    assert found["b.example"] == (f"{folder}/b.example.crt", f"{folder}/b.example.key")


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.example").mkdir()
    (tmp_path / "a.example" / "fullchain.pem").write_text("nonsense")
    (tmp_path / "a.example" / "privkey.pem").write_text("nonsense")

    with pytest.raises(NginxError, match=r"a\.example/fullchain\.pem"):
        find_certificates(tmp_path)
    with pytest.raises(NginxError, match="is not a folder"):
        find_certificates(tmp_path / "none")
