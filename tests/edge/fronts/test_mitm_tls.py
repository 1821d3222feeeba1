"""Certificates come from disk, are read again, and are never made up."""

import logging
import os
from pathlib import Path

import pytest

from edge.fronts.mitm_certificates import Certificates
from tests.support.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tls").mkdir()
    return tmp_path / "tls"


def test_folders_alternative_names_and_wildcards(authority: Authority, folder: Path) -> None:
    authority.write_pair(folder / "shop.example", "shop.example", "www.shop.example")
    authority.write_pair(folder / "_.lego.example", "*.lego.example")
    authority.write_pair(folder / "certbot.example", "certbot.example", "*.certbot.example")
    certificates = Certificates(folder)

    found = [
        "shop.example", "SHOP.example.", "www.shop.example", "a.lego.example", "b.certbot.example",
    ]  # fmt: skip
    assert all(certificates.find(name) for name in found)
    missing = ["other.example", "a.shop.example", "a.b.lego.example", "lego.example", "", None]
    assert not any(certificates.find(name) for name in missing)


def test_the_own_certificate_comes_before_a_wildcard(authority: Authority, folder: Path) -> None:
    authority.write_pair(folder / "a.shop.example", "a.shop.example")
    authority.write_pair(folder / "z", "*.shop.example", "a.shop.example")
    certificates = Certificates(folder)

    assert certificates.find("a.shop.example") is not certificates.find("b.shop.example")


def test_a_renewal_is_read_and_the_rest_left_alone(authority: Authority, folder: Path) -> None:
    for name in ("a.example", "b.example"):
        authority.write_pair(folder / name, name)
    certificates = Certificates(folder)
    before = [certificates.find("a.example"), certificates.find("b.example")]
    authority.write_pair(folder / "a.example", "a.example")
    os.utime(folder / "a.example" / "privkey.pem", ns=(1, 1))
    authority.write_pair(folder / "c.example", "c.example")
    certificates.reload()

    assert certificates.find("a.example") is not before[0]
    assert certificates.find("b.example") is before[1]
    assert certificates.find("c.example")


def test_half_a_renewal_leaves_the_old_one(
    authority: Authority, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority.write_pair(folder / "a.example", "a.example")
    certificates = Certificates(folder)
    before = certificates.find("a.example")
    (folder / "a.example" / "privkey.pem").write_text("half a key")
    with caplog.at_level(logging.ERROR):
        certificates.reload()

    assert certificates.find("a.example") is before
    assert "a.example" in caplog.text
    assert "half a key" not in caplog.text


def test_a_certificate_that_is_gone_is_gone(authority: Authority, folder: Path) -> None:
    authority.write_pair(folder / "a.example", "a.example")
    certificates = Certificates(folder)
    for file in (folder / "a.example").iterdir():
        file.unlink()
    (folder / "a.example").rmdir()
    certificates.reload()

    assert certificates.find("a.example") is None
