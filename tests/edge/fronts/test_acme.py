"""ACME's challenges come from the folder, and nothing else does."""

import os
from pathlib import Path

import pytest

from edge.fronts.acme import PREFIX, find_challenge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("not for the world")
    made = tmp_path / "acme"
    made.mkdir()
    (made / "t0k-en_1").write_text("t0k-en_1.thumb")
    return made


def test_a_file_in_the_folder_is_found(folder: Path) -> None:
    assert find_challenge(folder, PREFIX + "t0k-en_1") == b"t0k-en_1.thumb"


def test_the_folder_may_be_a_webroot(folder: Path) -> None:
    inner = folder / ".well-known" / "acme-challenge"
    inner.mkdir(parents=True)
    (inner / "abc").write_text("abc.thumb")

    assert find_challenge(folder, PREFIX + "abc") == b"abc.thumb"


def test_what_is_not_there_is_the_origins(folder: Path) -> None:
    assert find_challenge(folder, PREFIX + "other") is None
    assert find_challenge(folder / "gone", PREFIX + "t0k-en_1") is None


@pytest.mark.parametrize(
    "token",
    ["", "../secret", "..%2fsecret", "a/../../secret", "t0k-en_1/", "t0k-en_1\0", "x" * 257, "."],
)
def test_a_token_is_a_token(folder: Path, token: str) -> None:
    assert find_challenge(folder, PREFIX + token) is None


def test_a_link_that_leaves_the_folder_is_refused(folder: Path) -> None:
    (folder / "out").symlink_to(folder.parent / "secret")
    (folder / "within").symlink_to(folder / "t0k-en_1")
    (folder / "round").symlink_to(folder / "round")

    assert find_challenge(folder, PREFIX + "out") is None
    assert find_challenge(folder, PREFIX + "round") is None
    assert find_challenge(folder, PREFIX + "within") == b"t0k-en_1.thumb"


def test_only_small_regular_files_are_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "large").write_bytes(b"x" * 20_000)

    for name in ("pipe", "folder", "large"):
        assert find_challenge(folder, PREFIX + name) is None
