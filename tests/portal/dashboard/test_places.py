"""Codes as people read them."""

from portal.dashboard.places import country_name, shown


def test_a_country_has_a_name() -> None:
    assert country_name("FR") == "France"


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert country_name("Q1") == "Q1"


def test_only_places_and_classes_are_reworded() -> None:
    assert shown("country", "DE") == "Germany"
    assert shown("device", "mobile") == "Mobile"
    assert shown("page", "/de") == "/de"
