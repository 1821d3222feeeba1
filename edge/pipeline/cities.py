"""Step: keep a city only where enough visitors share it, and of a place what the site may keep.

In this process's memory, by site, local day and city, stand the numbers of the visitors seen there,
until there are k of them; from the k-th on the city is kept. The visits before it keep their region
and no city, and stay so: nothing is written later. Each process counts for itself, so several keep
fewer cities than one would, never more. The one invariant: memory is bounded, and whatever is
forgotten makes cities rarer.

Source: INGESTION 9.
"""

from edge.pipeline.draft import Draft, Place

DEFAULT_K = 10
"""Visitors of one site and local day that must share a city before it is kept."""
_MOST_CITIES = 65_536

type City = tuple[int, int, str, str, str]
"""Site, local day, country, region, city."""


class Cities:
    """Which cities of which days are shared by enough visitors."""

    def __init__(self, k: int = DEFAULT_K, most_cities: int = _MOST_CITIES) -> None:
        self._k = k
        self._most_cities = most_cities
        self._newest_day = 0
        self._seen: dict[City, set[int] | None] = {}
        """None: shared by enough, and no number of a visitor is kept any more."""

    def admit(self, city: City, visitor: int, own_k: int = 0) -> bool:
        """Count a visitor in and tell whether the city may be kept."""
        k = own_k or self._k
        if k <= 1:
            return True
        self._forget_days_before(city[1])
        visitors = self._seen.setdefault(city, set())
        if visitors is None:
            return True
        visitors.add(visitor)
        if len(visitors) >= k:
            self._seen[city] = None
            return True
        if len(self._seen) > self._most_cities:
            del self._seen[next(iter(self._seen))]
        return False

    def would_admit(self, city: City, visitor: int, own_k: int = 0) -> bool:
        """Tell what ``admit`` would, for an event that nobody sent."""
        k = own_k or self._k
        visitors = self._seen.get(city, set())
        return k <= 1 or visitors is None or len(visitors | {visitor}) >= k

    def _forget_days_before(self, day: int) -> None:
        """Drop what is older than the day before the newest: its salts are gone, or soon."""
        if day > self._newest_day:
            self._newest_day = day
            self._seen = {city: seen for city, seen in self._seen.items() if city[1] >= day - 1}


def put_city(draft: Draft) -> None:
    """Take the city off unless enough share it; in CNIL mode region and city always."""
    site, place = draft.sender.site, draft.place
    if site.cnil:
        draft.place = Place(place.country)
    elif place.city and not _is_shared(draft):
        draft.place = Place(place.country, place.region)


def _is_shared(draft: Draft) -> bool:
    """Ask for a person; a bot counts nowhere, so that bots cannot make a person's city known."""
    site, place, ask = draft.sender.site, draft.place, draft.context.may_keep_city
    if ask is None or draft.bot:
        return False
    city = (site.id, draft.local_day, place.country, place.region, place.city)
    return ask(city, draft.visitor, site.city_k)
