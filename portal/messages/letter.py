"""Messages as mail: plain text, HTML with the chart as a picture, and how to be rid of them.

The HTML is written for mail programs: tables, styles on the elements, no script, nothing fetched.
"""

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from portal.language import _, ngettext
from portal.mail import Mail
from portal.messages.chart import HEIGHT, WIDTH, draw_chart
from portal.messages.message import Message
from portal.writing import number

_PAGES = Environment(
    loader=PackageLoader("portal", "templates/mail"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.add_extension("jinja2.ext.i18n")
_PAGES.policies["ext.i18n.trimmed"] = True
_PAGES.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]
_PAGES.filters["number"] = number
_TONES = {"good": "#1a7f4b", "bad": "#b3261e", "even": "#5c6478"}


def render_letter(message: Message, to: str, *, link: str, unsubscribe: str) -> Mail:
    """Write a message as mail; ``unsubscribe`` is the signed address that ends it.

    It is said in the language spoken now.

    Source: RFC 2369 (List-Unsubscribe), RFC 8058 (one click).
    """
    known = {
        "message": message,
        "link": link,
        "unsubscribe": unsubscribe,
        "tones": _TONES,
        "width": WIDTH,
        "height": HEIGHT,
    }
    return Mail(
        to=to,
        subject=" ".join(message.title.split()),
        text=_PAGES.get_template("message.txt").render(known),
        html=_PAGES.get_template("message.html").render(known),
        images={"chart": draw_chart(message.chart)} if message.chart else {},
        headers={
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
