"""Certificates come from disk, are read again, and are never made up."""

import datetime as dt
import logging
import os
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

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


def test_legos_files_are_a_certificate_too(authority: Authority, folder: Path) -> None:
    authority.write_pair(folder / "made", "_.lego.example", "*.lego.example")
    (folder / "made" / "fullchain.pem").rename(folder / "_.lego.example.crt")
    (folder / "made" / "privkey.pem").rename(folder / "_.lego.example.key")
    (folder / "made").rmdir()
    (folder / "_.lego.example.issuer.crt").write_text("the authority's own")
    (folder / "_.lego.example.json").write_text("{}")
    (folder / "README").write_text("certbot leaves one")

    assert Certificates(folder).find("a.lego.example")


def test_a_link_that_moves_is_a_renewal(authority: Authority, folder: Path, tmp_path: Path) -> None:
    """certbot keeps versions in ``archive/`` and links to the current one from ``live/``."""
    for version in (1, 2):
        authority.write_pair(tmp_path / "archive" / str(version), "a.example")
        for file in (tmp_path / "archive" / str(version)).iterdir():
            os.utime(file, ns=(1, 1))
    live = folder / "a.example"
    live.mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (live / name).symlink_to(tmp_path / "archive" / "1" / name)
    certificates = Certificates(folder)
    before = certificates.find_identity("a.example")
    for name in ("fullchain.pem", "privkey.pem"):
        (live / "new").symlink_to(tmp_path / "archive" / "2" / name)
        (live / "new").replace(live / name)
    certificates.reload()
    after = certificates.find_identity("a.example")

    assert before
    assert after
    assert before.certificate.serial_number != after.certificate.serial_number


def test_a_key_of_another_certificate_leaves_the_old_pair(
    authority: Authority, folder: Path
) -> None:
    authority.write_pair(folder / "a.example", "a.example")
    authority.write_pair(folder / "b.example", "b.example")
    certificates = Certificates(folder)
    before = certificates.find("a.example")
    (folder / "b.example" / "privkey.pem").replace(folder / "a.example" / "privkey.pem")
    certificates.reload()

    assert certificates.find("a.example") is before


def test_a_folder_that_is_away_for_a_moment_changes_nothing(
    authority: Authority, folder: Path
) -> None:
    authority.write_pair(folder / "a.example", "a.example")
    certificates = Certificates(folder)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(OSError, match="tls"):
        certificates.reload()

    assert certificates.find("a.example")


def test_the_end_is_published_and_told_once(
    authority: Authority, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The authority's certificates end with the first second of 2120."""
    authority.write_pair(folder / "end.example", "end.example")
    now = dt.datetime(2119, 12, 1, tzinfo=dt.UTC)
    with caplog.at_level(logging.WARNING):
        certificates = Certificates(folder, lambda: now)
        assert "end.example" not in caplog.text
        for day in (28, 29):
            now = dt.datetime(2119, 12, day, tzinfo=dt.UTC)
            certificates.reload()
        assert caplog.text.count("certificate end.example: expires soon") == 1
        for day in (2, 3):
            now = dt.datetime(2120, 1, day, tzinfo=dt.UTC)
            certificates.reload()
        assert caplog.text.count("certificate end.example: has expired") == 1
    ends_at = REGISTRY.get_sample_value(
        "statflow_certificate_expires_seconds", {"host": "end.example"}
    )
    assert ends_at == dt.datetime(2120, 1, 1, tzinfo=dt.UTC).timestamp()


def test_a_certificate_that_went_is_not_published(authority: Authority, folder: Path) -> None:
    authority.write_pair(folder / "gone.example", "gone.example")
    certificates = Certificates(folder)
    (folder / "gone.example").rename(folder.with_name("elsewhere"))
    certificates.reload()

    name = "statflow_certificate_expires_seconds"
    assert REGISTRY.get_sample_value(name, {"host": "gone.example"}) is None
