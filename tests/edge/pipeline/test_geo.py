"""Places by any database in MaxMind's format; a broken one never harms."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from edge.pipeline.draft import Place
from edge.pipeline.geo import CHECK_EVERY_MS, NOWHERE, Geo, read_place
from tests.edge.pipeline.mmdb_file import render_mmdb

SHARED = Path(__file__).parents[4] / "shared/data/geoip"
FLAT: dict[str, dict[str, Any]] = {"192.0.2.0/24": {"country_code": "FR"}}
CITY: dict[str, dict[str, Any]] = {
    "192.0.2.0/24": {
        "country": {"iso_code": "GB"},
        "subdivisions": [{"iso_code": "ENG"}],
        "city": {"names": {"en": "London"}},
    },
    "198.51.100.0/24": {"registered_country": {"iso_code": "US"}},
}
ADDRESS = ip_address("192.0.2.7")


def _written(path: Path, records: dict[str, dict[str, Any]]) -> Path:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(render_mmdb(records))
    fresh.rename(path)
    return path


def test_without_a_database_everywhere_is_nowhere() -> None:
    assert Geo().find(ADDRESS) == NOWHERE


def test_the_flat_layout(tmp_path: Path) -> None:
    geo = Geo(_written(tmp_path / "geo.mmdb", FLAT))
    assert geo.find(ADDRESS) == Place("FR")
    assert geo.find(ip_address("203.0.113.1")) == NOWHERE
    assert geo.find(ip_address("2001:db8::1")) == NOWHERE


def test_the_layout_of_geoip2(tmp_path: Path) -> None:
    geo = Geo(_written(tmp_path / "geo.mmdb", CITY))
    assert geo.find(ADDRESS) == Place("GB", "GB-ENG", "London")
    assert geo.find(ip_address("198.51.100.1")) == Place("US")


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (None, NOWHERE),
        ([], NOWHERE),
        ({}, NOWHERE),
        ({"country_code": "FR", "state1": "Normandy", "city": "Caen"},
         Place("FR", "Normandy", "Caen")),
        ({"country_code": None}, NOWHERE),
        ({"country_code": "france"}, NOWHERE),
        ({"country": None}, NOWHERE),
        ({"country": {"iso_code": 5}}, NOWHERE),
        ({"country": {"iso_code": "FR"}, "subdivisions": [], "city": None}, Place("FR")),
        ({"country": {"iso_code": "FR"}, "subdivisions": ["x"]}, Place("FR")),
    ],
)  # fmt: skip
def test_records_of_any_shape(record: object, place: Place) -> None:
    assert read_place(record) == place


def test_a_new_file_is_taken_and_a_broken_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "geo.mmdb"
    geo = Geo(path)
    assert geo.problem
    _written(path, FLAT)
    geo.refresh(CHECK_EVERY_MS)
    assert (geo.find(ADDRESS), geo.problem) == (Place("FR"), "")
    path.write_bytes(b"broken")
    geo.refresh(2 * CHECK_EVERY_MS)
    assert geo.find(ADDRESS) == Place("FR")
    assert geo.problem
    path.unlink()
    geo.refresh(3 * CHECK_EVERY_MS)
    assert geo.find(ADDRESS) == Place("FR")
    _written(path, CITY)
    geo.refresh(4 * CHECK_EVERY_MS)
    assert (geo.find(ADDRESS).country, geo.problem) == ("GB", "")


def test_the_file_is_looked_at_now_and_then_only(tmp_path: Path) -> None:
    geo = Geo(tmp_path / "geo.mmdb")
    _written(tmp_path / "geo.mmdb", FLAT)
    geo.refresh(CHECK_EVERY_MS - 1)
    assert geo.find(ADDRESS) == NOWHERE


def test_a_file_cut_short_under_the_reader_does_no_harm(tmp_path: Path) -> None:
    path = _written(tmp_path / "geo.mmdb", FLAT)
    geo = Geo(path)
    os.truncate(path, 0)
    assert geo.find(ADDRESS) == Place("FR")


def test_a_database_that_breaks_at_a_look_up_gives_way_to_the_last_good(tmp_path: Path) -> None:
    path = _written(tmp_path / "geo.mmdb", FLAT)
    geo = Geo(path)
    records = {f"10.0.{n}.0/24": {"country_code": "DE"} for n in range(256)}
    raw = render_mmdb({**records, "10.1.0.0/17": {"country_code": "XX"},
                       "192.0.2.0/24": {"country_code": "IT"}})  # fmt: skip
    at = raw.rindex(b"\x4ccountry_code\x42IT")
    path.write_bytes(raw[:at] + b"\x07" + raw[at + 1 :])
    geo.refresh(CHECK_EVERY_MS)
    assert geo.find(ip_address("10.0.0.1")) == Place("DE")
    assert geo.find(ADDRESS) == NOWHERE
    assert geo.problem
    assert geo.find(ADDRESS) == Place("FR")


def _shared_databases() -> list[Path]:
    return sorted(SHARED.glob("*.mmdb")) if SHARED.exists() else []


@pytest.mark.parametrize("path", _shared_databases(), ids=lambda path: path.name)
def test_no_database_of_maxminds_makes_it_raise(path: Path) -> None:
    geo = Geo(path)
    for text in ("81.2.69.160", "2001:218::1", "89.160.20.112", "1.1.1.1", "::1"):
        assert isinstance(geo.find(ip_address(text)), Place)
    is_good = path.name.endswith(("City-Test.mmdb", "Country-Test.mmdb", "ASN-Test.mmdb"))
    assert bool(geo.problem) is not is_good
