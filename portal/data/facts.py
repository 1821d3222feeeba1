"""What is collected at a site, in sentences for its visitors, made of the settings in force. Pure.

What a setting does is ``docs/privacy.md``; this says what follows of the settings of one site. The
one invariant: every sentence depends on nothing but the site's row, so none goes stale.
"""

from dataclasses import dataclass

from portal.language import N_, _
from portal.models import Site

_PERIODS = {
    "day": (N_("a day"), N_("Nobody is known again on the next day.")),
    "week": (N_("a week"), N_("Within it returning visitors are known again.")),
    "month": (N_("a month"), N_("Within it returning visitors are known again.")),
}
_MODULES = {
    "clicks": N_("where on an element of a page somebody clicked"),
    "scroll": N_("which parts of a page were in view, and for how long"),
    "vitals": N_("how fast a page was: LCP, INP, CLS, FCP, TTFB"),
    "errors": N_("errors of scripts: their type and place, without values"),
    "forms": N_("the order of a form's fields and whether it was sent; never what is typed"),
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
    cookies = _(
        "None, and nothing else is written to your device. The one exception is your own choice: "
        "who switches counting off gets a cookie that remembers it."
    )
    address = _(
        "Your IP address and the text by which your browser introduces itself are read when a "
        "page is counted, and are stored nowhere."
    )
    number = _(
        "Address and browser make a number with a random secret that lasts %(period)s and is "
        "then destroyed, so that it can no longer be traced back. %(again)s",
        period=_(period),
        again=_(again),
    )
    found = [
        Fact(_("Cookies"), cookies),
        Fact(_("Address and browser"), address),
        Fact(_("Visitor number"), number),
    ]
    if site.respect_dnt:
        said = _("Browsers that send Do Not Track or Global Privacy Control are not counted.")
        found.append(Fact(_("Browsers that object"), said))
    return found


def collected_facts(site: Site) -> list[Fact]:
    """Say what is kept of a visit."""
    technology = _(
        "The names and major versions of browser and system, the kind of device, a class of the "
        "window's width, the language without its region."
    )
    found = [
        Fact(_("Pages"), _pages(site)),
        Fact(
            _("Where you came from"),
            _("The page that led here, its host alone; the campaign.")
            if site.cnil
            else _("The page that led here, without its query; the campaign."),
        ),
        Fact(_("Place"), _place(site)),
        Fact(_("Browser and device"), technology),
    ]
    if site.measure != "edge":
        found.append(
            Fact(_("Reading"), _("How long a page was in view and how far it was scrolled."))
        )
        events = [_("what this site reports of its own, such as an order and its amount")]
        events += [_("files that are downloaded")] if site.count_downloads else []
        events += [_("that a form was sent, without its contents")] if site.count_forms else []
        found.append(Fact(_("Events"), f"{_list(events)}."))
        if modules := [_(_MODULES[name]) for name in site.modules if name in _MODULES]:
            found.append(Fact(_("On the pages"), f"{_list(modules)}."))
    if site.hits:
        said = _(
            "Of each page that is delivered its status, size and speed; of who objects without a "
            "visitor number."
        )
        found.append(Fact(_("Deliveries"), said))
    return found


def _pages(site: Site) -> str:
    if not site.kept_params:
        return _(
            "The address of each page without its query, but for campaign words; when it was "
            "opened. E-mail addresses, telephone numbers and the like are masked."
        )
    return _(
        "The address of each page without its query, but for campaign words and the parameters "
        "%(parameters)s; when it was opened. E-mail addresses, telephone numbers and the like are "
        "masked.",
        parameters=", ".join(site.kept_params),
    )


def _place(site: Site) -> str:
    if site.cnil:
        return _("The country. Never a region or a city.")
    if not site.city_k:
        return _(
            "The country; a region where it is known; a city only where enough visitors of a day "
            "share it."
        )
    return _(
        "The country; a region where it is known; a city only where at least %(number)s visitors "
        "of a day share it.",
        number=site.city_k,
    )


def kept_facts(site: Site) -> list[Fact]:
    """Say how long it is kept, and how it is used."""
    days = site.retention_days
    kept = (
        _("What is counted is kept for %(days)s days, and then erased.", days=days)
        if days
        else _("Single visits are kept: no end is set.")
    )
    elsewhere = _(
        "Visitors are never followed from one site to another: the numbers of different sites "
        "have nothing in common."
    )
    found = [Fact(_("How long"), kept), Fact(_("Other sites"), elsewhere)]
    if site.cnil:
        said = _(
            "This site runs in CNIL mode, made for the exemption of audience measurement from "
            "consent in France."
        )
        found.append(Fact(_("Mode"), said))
    return found


def _list(words: list[str]) -> str:
    text = "; ".join(words)
    return text[:1].upper() + text[1:]
