"""All sheets are one file, which says what they say, and is kept until it changes."""

import gzip
import re

from portal.models import Role
from portal.styles import STATIC, STYLE_SHEETS, bundle, packed
from tests.portal.conftest import Portal
from tests.portal.test_packing import GZIP, fetch
from tests.support.chromium import launch_chromium

_RULES = """(css) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return [...sheet.cssRules].map((rule) => rule.cssText);
}"""


def test_a_page_waits_for_one_sheet(portal: Portal) -> None:
    person = portal.user("a@b.c", Role.VIEWER)
    laid = re.findall(r'<link rel="stylesheet"[^>]*href="([^"]+)"', person.get("/sites").text)
    assert len(laid) == 1
    assert laid[0].startswith("/static/styles.css?v=")
    status, headers, data = fetch(portal.somebody(), laid[0], headers=GZIP)
    assert (status, headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert headers["Content-Type"].startswith("text/css")
    assert gzip.decompress(data) == bundle()
    assert len(data) < 12 * 1024
    kept = GZIP | {"If-None-Match": headers["ETag"]}
    assert fetch(portal.somebody(), laid[0], headers=kept)[0] == 304


def test_without_its_mark_it_is_asked_for_again(portal: Portal) -> None:
    assert fetch(portal.somebody(), "/static/styles.css")[1]["Cache-Control"] == "no-cache"


def test_a_browser_reads_in_it_what_the_sheets_say() -> None:
    sheets = [(STATIC / "css" / f"{name}.css").read_text() for name in STYLE_SHEETS]
    with launch_chromium() as chromium, chromium.active() as browser:
        page = browser.new_page()
        read = [page.evaluate(_RULES, sheet) for sheet in sheets]
        assert page.evaluate(_RULES, bundle().decode()) == [
            rule for rules in read for rule in rules
        ]
        page.close()


def test_remarks_and_blanks_go() -> None:
    assert packed(
        "/* a */\n.b > .c {\n  color: red;\n}\n\n@media print {\n  .d { top: 0; }\n}\n"
    ) == (".b > .c{color: red}@media print{.d{top: 0}}")
