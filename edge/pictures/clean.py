"""Make a picture of a page: its markup and styles, nothing that runs, leads away or was typed.

The page is parsed as browsers parse it (Lexbor, through selectolax) and written anew from what
``allowed`` lists, so nothing survives because nobody thought of it. Pure. The one invariant: what
comes out holds no script, no handler, no address but of images and styles, and no value of a field;
cleaning it again changes nothing.

Addresses of images and styles stay as the page has them, under a ``base`` of ours. Elements that
are dropped leave the others' positions among their name as they were.
"""

import re
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from edge.pictures.allowed import (
    BOX,
    BOXES,
    BUTTONS,
    DROPPED,
    EVERYWHERE,
    OF_HTML,
    OF_WORDS,
    SVG,
    SVG_ATTRIBUTES,
    VOID,
)

MOST_HOSTS = 20
_DOCTYPE = re.compile(r"(?:\s|\ufeff|<!--.*?-->)*<!doctype\b", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9._-]{0,60}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_BLANK = re.compile(r"[\x00-\x20\x7f]+")
_IMAGE_DATA = re.compile(
    r"data:image/(?:png|gif|jpe?g|webp|avif|svg\+xml|x-icon|bmp)[;,]", re.IGNORECASE
)
_WORD = re.compile(r"[A-Za-z_-]{0,30}")
_LIVELY_CSS = re.compile(
    r"expression\s*\(|javascript\s*:|vbscript\s*:|-moz-binding|behavior\s*:\s*url", re.IGNORECASE
)
_ADDRESS = re.compile(r"(?:url|image-set|image)\([^)]*\)?", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_SIZE = re.compile(r"\d{1,5}%?")
_END_OF_STYLE = re.compile(r"</(?=style)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Picture:
    """The cleaned page, and the hosts besides its own that its images and styles come from."""

    html: str
    hosts: tuple[str, ...]


def clean_page(html: str, url: str, *, hides_words: bool = False) -> Picture:
    """Clean a page that came from ``url``; with ``hides_words`` letters and images go too."""
    tree = LexborHTMLParser(html)
    writer = _Writer(_base_of(tree, url), hides_words, bool(_DOCTYPE.match(html)))
    writer.write(tree)
    own = urlsplit(url).netloc.lower()
    hosts = sorted(host for host in writer.hosts if host != own)
    return Picture("".join(writer.out), tuple(hosts[:MOST_HOSTS]))


def _base_of(tree: LexborHTMLParser, url: str) -> str:
    """Give the address that the page's own ones are relative to."""
    plain = urlsplit(url)._replace(query="", fragment="").geturl()
    named = next((href for n in tree.css("base") if (href := n.attributes.get("href"))), "")
    joined = _joined(plain, named)
    return joined if urlsplit(joined).scheme in {"http", "https"} else plain


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return base


@dataclass(slots=True)
class _Writer:
    """Writes one page; ``hosts`` gathers where images and styles come from."""

    base: str
    hides_words: bool
    has_doctype: bool
    out: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def write(self, tree: LexborHTMLParser) -> None:
        """Write the whole document; without a doctype, as browsers read one without."""
        html, body = tree.root, tree.body
        if html is None:
            return
        if self.has_doctype:
            self.out.append("<!doctype html>")
        self.out.append(f"<html{self._attributes(html, 'html')}><head>")
        self.out.append(f'<meta charset="utf-8"><base href="{escape(self.base)}">')
        self.out.append("<title>Picture of a page</title>")
        for node in tree.css("link, style"):
            self._write_style(node)
        self.out.append("</head>")
        if body is not None:
            self._write_tree(body)
        self.out.append("</html>")

    def _write_style(self, node: LexborNode) -> None:
        """Write a style sheet, or a link to one; wherever it stood, it holds for the whole page."""
        if _is_within(node, "svg", "noscript", "template"):
            return
        found = node.attributes
        named = found.get("media")
        media = f' media="{escape(named)}"' if named else ""
        if node.tag == "style":
            self.out.append(f"<style{media}>{_tame(node.text(deep=True))}</style>")
            return
        kinds = (found.get("rel") or "").lower().split()
        href = self._address(found.get("href"))
        if "stylesheet" in kinds and "alternate" not in kinds and href:
            self.out.append(f'<link rel="stylesheet" href="{escape(href)}"{media}>')

    def _write_tree(self, top: LexborNode) -> None:
        """Write an element and what is in it; by a stack, for pages nest as deep as they like."""
        waiting: list[tuple[LexborNode | str, bool]] = [(top, False)]
        while waiting:
            node, in_svg = waiting.pop()
            if isinstance(node, str):
                self.out.append(node)
                continue
            within = in_svg or node.tag == "svg"
            end = self._open(node, within=within)
            if end is None:
                continue
            waiting.append((end, in_svg))
            if not _is_written_in(node):
                waiting.extend((child, within) for child in reversed(_children(node)))

    def _open(self, node: LexborNode, *, within: bool) -> str | None:
        """Write an element's start, or a text; gives its end, or None if it has no inside."""
        tag = node.tag or ""
        if tag == "-text":
            self.out.append(escape(self._shown(node.text(deep=False) or ""), quote=False))
            return None
        if not _NAME.fullmatch(tag) or tag in DROPPED or (within and tag not in SVG):
            return None
        if tag == "style":
            return None
        if tag in BOXES:
            self.out.append(f"<{BOX}{self._attributes(node, tag)}></{BOX}>")
            return None
        if tag == "img" and _is_within(node, "picture"):
            self._write_sources(node)
        self.out.append(f"<{tag}{self._attributes(node, tag)}>")
        if tag == "pre" and (node.text(deep=True) or "").startswith("\n"):
            self.out.append("\n")
        return None if tag in VOID else f"</{tag}>"

    def _write_sources(self, image: LexborNode) -> None:
        """Write the sources of a ``picture`` before its image."""
        parent = image.parent
        for node in _children(parent) if parent is not None else []:
            if node.tag == "source":
                self.out.append(f"<source{self._attributes(node, 'source')}>")

    def _attributes(self, node: LexborNode, tag: str) -> str:
        found = {k.lower(): v or "" for k, v in node.attributes.items()}
        kept = {k: v for k, v in found.items() if _is_kept(k, v, tag)}
        if "style" in kept:
            kept["style"] = _tame(kept["style"])
            if self.hides_words:
                kept["style"] = _ADDRESS.sub("none", kept["style"])
        kept |= {k: self._shown(found[k]) for k in OF_WORDS & found.keys()}
        kept |= self._own(tag, found)
        return "".join(f' {name}="{escape(value)}"' for name, value in kept.items())

    def _own(self, tag: str, found: dict[str, str]) -> dict[str, str]:
        """Give what only this element may have."""
        match tag:
            case "a" | "area":
                return {"href": "#"} if "href" in found else {}
            case "img" | "source" | "video" | "input":
                return self._images(tag, found)
            case "use":
                href = found.get("href") or found.get("xlink:href", "")
                return {"href": href} if href.startswith("#") else {}
            case "iframe" | "object" | "embed":
                size = {
                    k: found[k] for k in ("width", "height") if _SIZE.fullmatch(found.get(k, ""))
                }
                boxed = "".join(
                    f"{name}:{value if value.endswith('%') else value + 'px'};"
                    for name, value in size.items()
                )
                return {"style": f"display:inline-block;{boxed}{_tame(found.get('style', ''))}"}
            case _:
                return {}

    def _images(self, tag: str, found: dict[str, str]) -> dict[str, str]:
        kept = {}
        if tag == "input":
            if found.get("type", "").lower() in BUTTONS and "value" in found:
                kept["value"] = self._shown(found["value"])
            if found.get("type", "").lower() != "image":
                return kept
        if self.hides_words:
            return kept
        name = "poster" if tag == "video" else "src"
        if address := self._address(found.get(name)):
            kept[name] = address
        if "srcset" in found and (several := self._several(found["srcset"])):
            kept["srcset"] = several
        return kept

    def _several(self, srcset: str) -> str:
        """Keep a list of addresses if each of them may be kept."""
        parts = [part.split() for part in srcset.split(", ") if part.strip()]
        if any(self._address(part[0].rstrip(",")) is None for part in parts):
            return ""
        return ", ".join(" ".join(part) for part in parts)

    def _address(self, address: str | None) -> str | None:
        """Keep an address of an image or a style sheet, and note its host."""
        plain = _BLANK.sub("", address or "")
        if not plain or _IMAGE_DATA.match(plain):
            return plain or None
        if _SCHEME.match(plain) and not plain.lower().startswith(("http:", "https:")):
            return None
        host = urlsplit(_joined(self.base, plain)).netloc.lower()
        if host:
            self.hosts.add(host)
        return plain

    def _shown(self, words: str) -> str:
        if not self.hides_words:
            return words
        return _DIGIT.sub("0", _LETTER.sub(_as_x, words))


def _is_written_in(node: LexborNode) -> bool:
    """Tell whether what an element holds is what somebody typed."""
    return node.tag == "textarea" or (node.attributes.get("contenteditable", "no") or "") in {
        "",
        "true",
        "plaintext-only",
    }


def _as_x(letter: re.Match[str]) -> str:
    return "X" if letter[0].isupper() else "x"


def _is_kept(name: str, value: str, tag: str) -> bool:
    if tag in SVG and (name in SVG_ATTRIBUTES or name in EVERYWHERE):
        return not (_SCHEME.match(value) or "url(" in value.replace("url(#", ""))
    if name in EVERYWHERE or name in OF_HTML:
        return True
    return name.startswith(("data-", "aria-")) and bool(
        _NAME.fullmatch(name) and _WORD.fullmatch(value)
    )


def _tame(css: str) -> str:
    """Take out of a style what old browsers ran, and what would end its element."""
    return _END_OF_STYLE.sub(r"<\\/", _LIVELY_CSS.sub("", css))


def _is_within(node: LexborNode, *tags: str) -> bool:
    above = node.parent
    while above is not None:
        if above.tag in tags:
            return True
        above = above.parent
    return False


def _children(node: LexborNode | None) -> list[LexborNode]:
    found, child = [], node.first_child if node is not None else None
    while child is not None:
        found.append(child)
        child = child.next
    return found
