"""A city is kept from the k-th visitor of a site and day on, and in CNIL mode never."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from edge.pipeline.cities import DEFAULT_K, Cities, City, put_city
from edge.pipeline.draft import Draft, Place
from edge.sites import SaltPeriod
from tests.edge.pipeline.conftest import DAY
from tests.support.factories import a_site

PARIS: City = (1, DAY, "FR", "FR-IDF", "Paris")
type Make = Callable[..., Draft]


def test_the_kth_visitor_opens_a_city_and_the_same_one_twice_does_not() -> None:
    cities = Cities(3)
    assert [cities.admit(PARIS, visitor) for visitor in (1, 2, 2, 1, 3, 1, 9)] == [
        *(False, False, False, False),
        *(True, True, True),
    ]


def test_sites_days_and_cities_are_counted_apart() -> None:
    cities = Cities(2)
    others = [(2, *PARIS[1:]), (1, DAY - 1, *PARIS[2:]), (*PARIS[:4], "Lyon")]
    assert not cities.admit(PARIS, 1)
    assert not any(cities.admit(city, 2) for city in others)
    assert cities.admit(PARIS, 2)


def test_a_site_may_have_a_number_of_its_own() -> None:
    cities = Cities(100)
    assert cities.admit(PARIS, 1, 1)
    assert not cities.admit(PARIS, 1, 2)
    assert cities.admit(PARIS, 2, 2)


def test_to_ask_is_not_to_count() -> None:
    cities = Cities(2)
    assert not cities.would_admit(PARIS, 1)
    assert not cities.admit(PARIS, 2)
    assert not cities.would_admit(PARIS, 2)
    assert cities.would_admit(PARIS, 1)
    assert not cities.admit(PARIS, 2)


def test_days_that_are_over_are_forgotten_with_their_visitors() -> None:
    cities = Cities(2)
    cities.admit(PARIS, 1)
    cities.admit((1, DAY + 2, *PARIS[2:]), 1)
    assert list(cities._seen) == [(1, DAY + 2, *PARIS[2:])]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=200))
def test_memory_is_bounded_and_no_city_opens_before_its_kth_visitor(
    visits: list[tuple[int, int]],
) -> None:
    cities, all_seen = Cities(3, most_cities=8), dict[City, set[int]]()
    for number, visitor in visits:
        city = (*PARIS[:4], str(number))
        all_seen.setdefault(city, set()).add(visitor)
        if cities.admit(city, visitor):
            assert len(all_seen[city]) >= 3
        assert len(cities._seen) <= 8
        assert all(seen is None or len(seen) < 3 for seen in cities._seen.values())


def placed(draft: Draft, cities: Cities, visitor: int) -> Place:
    """Run the step as the collector does on an event in Paris."""
    draft.context = draft.context._replace(may_keep_city=cities.admit)
    draft.place, draft.local_day, draft.visitor = Place("FR", "FR-IDF", "Paris"), DAY, visitor
    put_city(draft)
    return draft.place


def test_visits_before_the_kth_keep_their_region(a_draft: Make) -> None:
    cities = Cities()
    places = [placed(a_draft(), cities, visitor) for visitor in range(DEFAULT_K)]
    assert set(places[:-1]) == {Place("FR", "FR-IDF")}
    assert places[-1] == Place("FR", "FR-IDF", "Paris")


def test_bots_open_no_city_and_have_none(a_draft: Make) -> None:
    cities = Cities(2)
    for visitor in range(5):
        bot = a_draft()
        bot.bot = "search"
        assert placed(bot, cities, visitor).city == ""
    assert placed(a_draft(), cities, 9).city == ""


def test_nobody_asked_means_no_city(a_draft: Make) -> None:
    draft = a_draft()
    draft.place = Place("FR", "FR-IDF", "Paris")
    put_city(draft)
    assert draft.place == Place("FR", "FR-IDF")


def test_cnil_mode_keeps_the_country_and_forces_the_salt_of_a_day(a_draft: Make) -> None:
    draft = a_draft(site={"cnil": True, "city_k": 1})
    assert placed(draft, Cities(1), 1) == Place("FR")
    assert a_site(cnil=True, salt_period="month").salt_period is SaltPeriod.DAY
