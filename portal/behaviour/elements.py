"""Name elements of pages in words: the tracker knows them by selectors only, never by their text.

Pure. What is said comes from the last tags, a written id, and the part of the page around it; the
selector itself (``tracker/src/selectors.js``) stands below, for who builds the page.
"""

import re

from portal.language import N_, _

_PLACE = re.compile(r":nth-of-type\((\d+)\)$")

KINDS = {
    "a": N_("Link"),
    "button": N_("Button"),
    "summary": N_("Button"),
    "input": N_("Field"),
    "textarea": N_("Field"),
    "select": N_("Choice"),
    "option": N_("Choice"),
    "label": N_("Label"),
    "img": N_("Image"),
    "picture": N_("Image"),
    "svg": N_("Drawing"),
    "path": N_("Drawing"),
    "video": N_("Video"),
    "h1": N_("Heading"),
    "h2": N_("Heading"),
    "h3": N_("Heading"),
    "h4": N_("Heading"),
    "p": N_("Text"),
    "span": N_("Text"),
    "strong": N_("Text"),
    "em": N_("Text"),
    "li": N_("List item"),
    "td": N_("Table cell"),
    "th": N_("Table cell"),
    "figure": N_("Figure"),
    "form": N_("Form"),
    "main": N_("Main part"),
    "header": N_("Head of the page"),
    "footer": N_("Foot of the page"),
    "nav": N_("Navigation"),
}
_AROUND = {
    "nav": N_("in the navigation"),
    "header": N_("in the head of the page"),
    "footer": N_("in the foot of the page"),
    "aside": N_("at the side"),
    "dialog": N_("in a dialog"),
    "form": N_("in a form"),
    "article": N_("in the article"),
    "main": N_("in the main part"),
}
"""Parts of pages; the one nearest to the element is said."""
_AREA = N_("Area")
_LEADS = frozenset({"a", "button", "label"})
"""What is in one of these is clicked as one of these."""


def name_of(selector: str) -> str:
    """Say which element a selector means: ``Link in “basket”``, ``Button 2 in the article``."""
    if not selector:
        return _("The page itself")
    steps = selector.split(">")
    written = steps[0].removeprefix("#") if steps[0].startswith("#") else ""
    tags = [step.partition(":")[0] for step in steps if not step.startswith("#")]
    if not tags:
        return _("Element “%(name)s”", name=written)
    kind = _kind(tags)
    if place := _PLACE.search(steps[-1]):
        kind = _("%(kind)s %(number)s", kind=kind, number=place[1])
    if written:
        return _("%(kind)s in “%(name)s”", kind=kind, name=written)
    around = next((_(_AROUND[tag]) for tag in reversed(tags[:-1]) if tag in _AROUND), "")
    return f"{kind} {around}".strip()


def _kind(tags: list[str]) -> str:
    """Say what the last tag is; what is in a link or button is said with it."""
    last = _(KINDS.get(tags[-1], _AREA))
    outer = next((tag for tag in reversed(tags[:-1]) if tag in _LEADS), "")
    if not outer or tags[-1] in _LEADS:
        return last
    return _("%(kind)s (%(inner)s)", kind=_(KINDS[outer]), inner=last.lower())
