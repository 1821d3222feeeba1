"""Tables of policy data."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from rules import tables


def test_a_table_must_be_a_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.yaml").write_text("- 1\n")
    monkeypatch.setattr(tables, "PACKS", tmp_path)
    with pytest.raises(TypeError, match=r"wrong\.yaml"):
        tables.read_table("wrong")


def test_every_named_network_is_one() -> None:
    for cidrs in tables.read_table("networks").values():
        assert [str(ip_network(cidr)) for cidr in cidrs] == cidrs
