"""The portal's texts as the sources have them, and a language that is made of them."""

import re
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo

PORTAL = Path(__file__).parents[2] / "portal"
STATFLOW = PORTAL.parent / "statflow"
"""What the command line and the portal's pages say alike."""
CATALOGUES = PORTAL / "translations"
MARKS = "⟦⟧"
MADE_UP = "eo"
"""A language that CLDR knows and nobody has translated into."""
_MAPPING = PORTAL / "babel.cfg"


def extracted() -> Catalog:
    """Take every text out of the sources, as ``make translations`` does."""
    with _MAPPING.open() as file:
        methods, options = parse_mapping_cfg(file)
    found = Catalog()
    for folder in (PORTAL, STATFLOW):
        for _, _, text, _, _ in extract_from_dir(folder, methods, options):
            found.add(text)
    return found


def put_made_up(folder: Path) -> None:
    """Write the catalogue of a language in which each text is the English one between marks."""
    catalogue = Catalog(locale=MADE_UP)
    for message in extracted():
        if message.id:
            catalogue.add(message.id, _marked(message.id))
    file = folder / MADE_UP / "LC_MESSAGES" / "messages.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as out:
        write_mo(out, catalogue)


def _marked(text: str | tuple[str, ...] | list[str]) -> str | tuple[str, ...]:
    if isinstance(text, str):
        return f"{MARKS[0]}{text}{MARKS[1]}"
    return tuple(f"{MARKS[0]}{form}{MARKS[1]}" for form in text)


def placeholders(text: str) -> list[str]:
    """List what a text leaves open, and its tags."""
    return sorted(re.findall(r"%\(\w+\)[a-z]|\{\w+\}|</?[a-z][^>]*>", text))
