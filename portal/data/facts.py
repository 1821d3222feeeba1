"""What is collected at a site, in sentences for its visitors, made of the settings in force. Pure.

What a setting does is ``docs/privacy.md``; this says what follows of the settings of one site. The
one invariant: every sentence depends on nothing but the site's row, so none goes stale.
"""

from dataclasses import dataclass

from portal.models import Site

_PERIODS = {
    "day": ("a day", "Nobody is known again on the next day."),
    "week": ("a week", "Within it returning visitors are known again."),
    "month": ("a month", "Within it returning visitors are known again."),
}
_MODULES = {
    "clicks": "where on an element of a page somebody clicked",
    "scroll": "which parts of a page were in view, and for how long",
    "vitals": "how fast a page was: LCP, INP, CLS, FCP, TTFB",
    "errors": "errors of scripts: their type and place, without values",
    "forms": "the order of a form's fields and whether it was sent; never what is typed",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is told: what it is about, and what is so."""

    about: str
    said: str


def salt_period(site: Site) -> str:
    """Give the period in force: CNIL mode holds it at a day."""
    return "day" if site.cnil else site.salt_period


def opt_out_url(site: Site) -> str:
    """Give the address at which a visitor switches counting off."""
    return f"https://{site.canonical_host or site.host}{site.prefix}/opt-out"


def device_facts(site: Site) -> list[Fact]:
    """Say what is done to, and read from, a visitor's device and address."""
    period, again = _PERIODS[salt_period(site)]
    found = [
        Fact("Cookies", "None, and nothing else is written to your device. The one exception is "
             "your own choice: who switches counting off gets a cookie that remembers it."),
        Fact("Address and browser", "Your IP address and the text by which your browser introduces "
             "itself are read when a page is counted, and are stored nowhere."),
        Fact("Visitor number", "They are turned into a number with a random secret that lasts "
             f"{period} and is then destroyed, so that the number can no longer be traced back."
             f" {again}"),
    ]  # fmt: skip
    if site.respect_dnt:
        said = "Browsers that send Do Not Track or Global Privacy Control are not counted."
        found.append(Fact("Browsers that object", said))
    return found


def collected_facts(site: Site) -> list[Fact]:
    """Say what is kept of a visit."""
    kept = ", ".join(site.kept_params)
    query = f" and the parameters {kept}" if kept else ""
    referrer = "its host alone" if site.cnil else "without its query"
    found = [
        Fact("Pages", f"The address of each page without its query, but for campaign words{query}; "
             "when it was opened. E-mail addresses, telephone numbers and the like are masked."),
        Fact("Where you came from", f"The page that led here, {referrer}; the campaign."),
        Fact("Place", _place(site)),
        Fact("Browser and device", "The names and major versions of browser and system, the kind "
             "of device, a class of the window's width, the language without its region."),
    ]  # fmt: skip
    if site.measure != "edge":
        found.append(Fact("Reading", "How long a page was in view and how far it was scrolled."))
        events = ["what this site reports of its own, such as an order and its amount"]
        events += ["files that are downloaded"] if site.count_downloads else []
        events += ["that a form was sent, without its contents"] if site.count_forms else []
        found.append(Fact("Events", f"{_list(events)}."))
        if modules := [_MODULES[name] for name in site.modules if name in _MODULES]:
            found.append(Fact("On the pages", f"{_list(modules)}."))
    if site.hits:
        said = "Of each page that is delivered its status, size and speed; of who objects without a"
        found.append(Fact("Deliveries", f"{said} visitor number."))
    return found


def _place(site: Site) -> str:
    if site.cnil:
        return "The country. Never a region or a city."
    least = f"at least {site.city_k} visitors" if site.city_k else "enough visitors"
    return f"The country; a region where it is known; a city only where {least} of a day share it."


def kept_facts(site: Site) -> list[Fact]:
    """Say how long it is kept, and how it is used."""
    days = site.retention_days
    kept = f"{days} days, and then erased" if days else "no end is set"
    found = [
        Fact("How long", f"Single visits are kept: {kept}." if not days else
             f"What is counted is kept for {kept}."),
        Fact("Other sites", "Visitors are never followed from one site to another: the numbers of "
             "different sites have nothing in common."),
    ]  # fmt: skip
    if site.cnil:
        found.append(Fact("Mode", "This site runs in CNIL mode, made for the exemption of audience "
                          "measurement from consent in France."))  # fmt: skip
    return found


def _list(words: list[str]) -> str:
    text = "; ".join(words)
    return text[:1].upper() + text[1:]
