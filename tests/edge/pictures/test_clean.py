"""What a picture of a page keeps, and what a hostile page cannot get into it."""
# ruff: noqa: E501 - markup of one line each.

import re
from html.parser import HTMLParser

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pictures.clean import clean_page

URL = "https://shop.example/a/b?token=secret"


def clean(body: str, head: str = "", **options: bool) -> str:
    page = f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>"
    return clean_page(page, URL, **options).html


def inside(html: str) -> str:
    return html.split("<body>")[1].split("</body>", maxsplit=1)[0]


class Lively(HTMLParser):
    """Notes whatever could run, lead away or send something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {
            "script", "iframe", "frame", "object", "embed", "applet", "noscript", "template",
            "math", "foreignobject", "animate", "set", "annotation-xml", "portal",
        }:  # fmt: skip
            self.found.append(tag)
        if tag == "meta" and attrs != [("charset", "utf-8")]:
            self.found.append("meta")
        for name, value in attrs:
            plain = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or name in {
                "srcdoc", "action", "formaction", "ping", "name", "nonce", "target", "xlink:href",
                "autofocus", "contenteditable", "http-equiv", "integrity", "crossorigin",
            }:  # fmt: skip
                self.found.append(f"{tag} {name}")
            if plain.startswith(("javascript:", "vbscript:", "data:text", "file:", "blob:")):
                self.found.append(f"{tag} {name}={plain}")
            if name == "href" and tag == "a" and value != "#":
                self.found.append(f"a href={value}")


def lively(html: str) -> list[str]:
    parser = Lively()
    parser.feed(html)
    return parser.found


HOSTILE = [
    "<script>alert(1)</script><p>x",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x></svg>",
    "<svg><set attributeName=href to=javascript:alert(1)></set></svg>",
    "<svg><foreignObject><iframe srcdoc='<script>alert(1)</script>'></iframe></foreignObject></svg>",
    "<svg><use href='data:image/svg+xml,<svg onload=alert(1)>'></use></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    '<textarea><img title="</textarea><img src=x onerror=alert(1)>"></textarea>',
    '<xmp><p title="</xmp><img src=x onerror=alert(1)>"></xmp>',
    "<iframe srcdoc='&lt;script&gt;alert(1)&lt;/script&gt;' src='javascript:alert(1)'></iframe>",
    "<object data='javascript:alert(1)'><embed src='data:text/html,<script>alert(1)</script>'></object>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href='https://evil.example/'><base target=_top>",
    "<a href='java\nscript:alert(1)' ping='https://evil.example'>x</a>",
    "<form action='https://evil.example'><button formaction='javascript:alert(1)'>x</button></form>",
    "<link rel=stylesheet href='javascript:alert(1)'><link rel=import href=x><link rel=preload href=y>",
    "<img src='data:text/html,<script>alert(1)</script>'>",
    "<img src=' &#1; javascript:alert(1)'><img srcset='javascript:alert(1) 1x, x.png 2x'>",
    "<video src=x onloadstart=alert(1) poster=javascript:alert(1)><source src=x onerror=alert(1)></video>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<template><script>alert(1)</script></template>",
    "<!--[if IE]><script>alert(1)</script><![endif]--><!-- a secret of the developers -->",
    "<?xml-stylesheet href='javascript:alert(1)'?><![CDATA[<script>alert(1)</script>]]>",
    "<x-y on=1 onclick=alert(1) style='x:expression(alert(1))'>x</x-y>",
    "<p style='behavior:url(x.htc);background:url(javascript:alert(1))'>x</p>",
    "<frameset><frame src='javascript:alert(1)'></frameset>",
    "<plaintext><script>alert(1)</script>",
    "<div contenteditable>a typed secret</div><select><option selected value=secret>x</select>",
]


@pytest.mark.parametrize("body", HOSTILE)
@pytest.mark.parametrize("where", ["body", "head"])
def test_nothing_lively_is_left(body: str, where: str) -> None:
    html = clean(body) if where == "body" else clean("", body)
    assert lively(html) == []
    assert "secret" not in html
    assert "evil.example" not in html.split("<base")[0]


@pytest.mark.parametrize("body", HOSTILE)
def test_browsers_read_the_picture_as_it_was_written(body: str) -> None:
    """What is written is its own fixed point, so no second reading brings anything to life."""
    html = clean(body)
    assert clean_page(html, URL).html == html
    again = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    assert not list(again.iter("script"))
    assert not [k for e in again.iter() for k in e.attrib if str(k).startswith("on")]


@given(st.lists(st.sampled_from([
    "<p>", "</p>", "<table>", "<svg>", "</svg>", "<style>", "</style>", "<math>", "<mtext>", "<script>",
    "</script>", "<title>", "<textarea>", "</textarea>", "<select>", "<option>", "<a href=x>", "x<", '"',
    "<img src=x onerror=alert(1)>", "<!--", "-->", "<template>", "</template>", "<noscript>", "<pre>\n",
    "<iframe>", "<desc>", "<foreignobject>", "<form>", "<b>", "<i>", "</b>", "<br>", "&lt;script&gt;",
]), max_size=25))  # fmt: skip
def test_any_mixture_stays_dead(parts: list[str]) -> None:
    html = clean("".join(parts))
    assert lively(html) == []
    again = html5lib.parse(html, treebuilder="etree", namespaceHTMLElements=False)
    assert not list(again.iter("script"))
    assert not [k for e in again.iter() for k in e.attrib if str(k).startswith("on")]


def test_the_page_is_kept_as_it_looks() -> None:
    page = clean(
        '<main id="main" class="a b" style="color: red" data-theme="dark" data-user="1234">'
        '<h1>Lamps &amp; more</h1><img src="../lamp.png" srcset="l.png 1x, m.png 2x" alt="A lamp" loading="lazy">'
        '<a href="/next" class="button" target="_blank">Next</a>'
        '<picture><source srcset="w.webp" media="(min-width: 9px)"><img src="i.png"></picture>'
        '<svg viewBox="0 0 9 9"><path d="M0 0h9" fill="red"/></svg>'
        "<table><tr><td colspan=2>x</td></tr></table></main>",
        '<link rel="stylesheet" href="/s.css" media="screen" integrity="x"><style>p > a { color: blue }</style>',
    )
    assert page.startswith('<!doctype html><html lang="en"><head><meta charset="utf-8">')
    assert '<base href="https://shop.example/a/b">' in page
    assert '<link rel="stylesheet" href="/s.css" media="screen">' in page
    assert "<style>p > a { color: blue }</style>" in page
    assert '<main id="main" class="a b" style="color: red" data-theme="dark">' in page
    assert "<h1>Lamps &amp; more</h1>" in page
    assert '<img alt="A lamp" src="../lamp.png" srcset="l.png 1x, m.png 2x">' in page
    assert '<a class="button" href="#">Next</a>' in page
    assert '<source media="(min-width: 9px)" srcset="w.webp"><img src="i.png">' in page
    assert '<path d="M0 0h9" fill="red"></path>' in page
    assert '<td colspan="2">x</td>' in page


def test_a_page_without_a_doctype_has_none() -> None:
    assert clean_page("<p>x", URL).html.startswith("<html>")
    assert clean_page("\ufeff<!-- x -->\n<!DOCTYPE html><p>x", URL).html.startswith(
        "<!doctype html>"
    )


@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        ("/other/", "https://shop.example/other/"),
        ("https://cdn.example/x/", "https://cdn.example/x/"),
        ("javascript:alert(1)", "https://shop.example/a/b"),
        ("//[", "https://shop.example/a/b"),
    ],
)
def test_the_page_s_own_base_holds_where_it_is_an_address(base: str, wanted: str) -> None:
    assert f'<base href="{wanted}">' in clean("", f'<base href="{base}">')


def test_what_was_typed_or_chosen_is_not_kept() -> None:
    page = inside(clean(
        '<input type="text" name="mail" value="a@b.c" placeholder="Your mail">'
        '<input type="hidden" name="csrf" value="abc"><input type="checkbox" checked>'
        '<textarea rows="3">Dear all</textarea><input type="submit" value="Send">'
        '<div contenteditable="true">My draft</div>'
    ))  # fmt: skip
    assert page == (
        '<input type="text" placeholder="Your mail"><input type="hidden"><input type="checkbox">'
        '<textarea rows="3"></textarea><input type="submit" value="Send"><div></div>'
    )


def test_hidden_words_are_neither_letters_nor_digits_nor_images() -> None:
    page = inside(clean(
        '<h1 style="background: url(/face.png) red">Hello Zoë, 42 €</h1><img src="/face.png" alt="Zoë" width="40">'
        '<input type="submit" value="Pay 42"><input placeholder="Name">',
        hides_words=True,
    ))  # fmt: skip
    assert page == (
        '<h1 style="background: none red">Xxxxx Xxx, 00 €</h1><img width="40" alt="Xxx">'
        '<input type="submit" value="Xxx 00"><input placeholder="Xxxx">'
    )


def test_frames_leave_their_box_and_no_element_changes_its_place() -> None:
    page = inside(
        clean("<div></div><iframe width=300 height=50% src=x></iframe><div id=two></div>")
    )
    box = '<sf-box width="300" height="50%" style="display:inline-block;width:300px;height:50%;">'
    assert page == f'<div></div>{box}</sf-box><div id="two"></div>'


def test_foreign_hosts_are_named() -> None:
    picture = clean_page(
        "<link rel=stylesheet href=//fonts.example/x.css><img src=https://CDN.example:8443/a.png>"
        "<img src=https://shop.example/b.png><img src=c.png><a href=https://not.example>x</a>",
        URL,
    )
    assert picture.hosts == ("cdn.example:8443", "fonts.example")


def test_a_page_may_nest_as_deep_as_it_likes() -> None:
    html = clean("<div>" * 3_000 + "deep")
    assert html.count("<div>") == html.count("</div>") > 400
