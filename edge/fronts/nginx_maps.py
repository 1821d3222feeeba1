r"""The variables of a generated nginx configuration: what is decided once, for every site.

nginx computes a ``map`` only when something asks for its value, so what a request does not need
costs nothing. Names begin with ``sf_``. Which location uses what is ``nginx_servers``. The one
invariant: these maps say of a request what ``edge.wire.authority``, ``forwarded``, ``cookies`` and
``edge.inject.decide`` say of it; where they cannot, they send it to the edge, which decides.
"""

from edge.collector.client_ip import Networks
from edge.fronts.nginx_options import Inject, NginxOptions
from edge.fronts.nginx_text import Lines, block, comment
from edge.wire.refusal import (
    BAD_GATEWAY,
    BAD_REQUEST,
    GATEWAY_TIMEOUT,
    HEAD_TOO_LARGE,
    MAINTENANCE,
    METHOD_REFUSED,
    TARGET_TOO_LONG,
    TOO_LARGE,
    UNKNOWN_HOST,
    Redirect,
    Refusal,
    render_error,
)

__all__ = ["CLAIMS", "Networks", "render_maps"]

CLAIMS = (
    "CF-Connecting-IP",
    "True-Client-IP",
    "X-Client-IP",
    "X-Forwarded",
    "X-Forwarded-Port",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-SSL",
    "X-Real-IP",
)
"""What else a request may claim about its way here; believed of trusted proxies only. With those
that are rewritten, the names of ``edge.wire.forwarded``."""

_PORT = "(?:[0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

_ASSETS = (
    "avif|bmp|css|csv|doc|docx|eot|flac|gif|gz|ico|jpe?g|js|json|m4a|m4v|map|md|mjs|mkv|mov|mp3|"
    "mp4|mpe?g|og[agv]|otf|pdf|png|ppt|pptx|rar|rss|svg|tar|tgz|tiff?|ttf|txt|wasm|wav|webm|"
    "webmanifest|webp|woff2?|xls|xlsx|xml|zip"
)
"""Endings of what is no page, where a request says nothing else about what it loads."""

_AUTHORITY = r"""
# The one authority of a request: that of an absolute-form target wins over Host (RFC 9112 3.2.2).
map $request $sf_authority {
    default $http_host;
    "~*^\S+ https?://(?<sf_named>[^/?#\s]+)" $sf_named;
    "~^\S+ [A-Za-z][A-Za-z0-9+.-]*:" "";
}
map $sf_authority $sf_bad_host {
    default 1;
    "~^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::%PORT%)?$" 0;
}
map $sf_authority $sf_port {
    default "";
    "~:(?<sf_digits>[0-9]+)$" $sf_digits;
}
""".replace("%PORT%", _PORT)

_WEBSOCKET = r"""
# Only upgrades to WebSocket are passed on: h2c would let a client talk past us.
map $http_upgrade $sf_upgrade {
    default "";
    "~*^websocket$" websocket;
}
map $sf_upgrade $sf_connection {
    default "";
    websocket Upgrade;
}
"""

_COOKIE = r"""
# The opt-out is ours: exactly the pair sf_out=1 is kept from origins, all else of Cookie stays as
# it is. A second and a third pair of the same name, which no browser sends, are taken out too.
map $http_cookie $sf_cookie_once {
    default $http_cookie;
    "~^[ \t]*sf_out=1[ \t]*$" "";
    "~^[ \t]*sf_out=1[ \t]*;[ \t]*(?<sf_after_1>.*)$" $sf_after_1;
    "~^(?<sf_before_2>.*?);[ \t]*sf_out=1[ \t]*(?<sf_after_2>;.*)?$" $sf_before_2$sf_after_2;
}
map $sf_cookie_once $sf_cookie_twice {
    default $sf_cookie_once;
    "~^[ \t]*sf_out=1[ \t]*$" "";
    "~^[ \t]*sf_out=1[ \t]*;[ \t]*(?<sf_after_3>.*)$" $sf_after_3;
    "~^(?<sf_before_4>.*?);[ \t]*sf_out=1[ \t]*(?<sf_after_4>;.*)?$" $sf_before_4$sf_after_4;
}
map $sf_cookie_twice $sf_cookie {
    default $sf_cookie_twice;
    "~^[ \t]*sf_out=1[ \t]*$" "";
    "~^[ \t]*sf_out=1[ \t]*;[ \t]*(?<sf_after_5>.*)$" $sf_after_5;
    "~^(?<sf_before_6>.*?);[ \t]*sf_out=1[ \t]*(?<sf_after_6>;.*)?$" $sf_before_6$sf_after_6;
}
"""

_DOCUMENT = r"""
# What may be a page. Browsers say so in Sec-Fetch-Dest; a service worker repeats a navigation with
# an empty destination. Where the field is absent (plain HTTP, old browsers, programs), Accept
# decides if it names HTML or something else, and the path's ending if it names nothing.
map "$http_sec_fetch_dest:$http_sec_fetch_mode" $sf_dest {
    default other;
    "~*^(?:document|iframe|frame):" document;
    "~^:" unsaid;
    "~*^empty:navigate$" unsaid;
}
map $uri $sf_asset {
    default 0;
    "~*\.(?:%ASSETS%)$" 1;
}
map "$sf_asset:$http_accept" $sf_guess {
    default no;
    "~*(?:text/html|application/xhtml\+xml)" yes;
    "0:" yes;
    "0:*/*" yes;
}
# A script that wants a piece of a page. Android's WebViews put the app's name into
# X-Requested-With of every navigation; those that also say that it is a document are visits.
map "$http_hx_request$http_turbo_frame$http_x_pjax|$http_x_requested_with" $sf_piece {
    default piece;
    "|" "";
    "~*^\|xmlhttprequest$" piece;
    "~^\|." app;
}
# A GET with a body could not be repeated at the origin, so it is never sent elsewhere first.
map "$request_method|$http_content_length|$http_transfer_encoding" $sf_reads {
    default 0;
    "~^(?:GET|HEAD)\|0?\|$" 1;
}
map "$sf_reads|$sf_upgrade|$sf_dest|$sf_guess|$sf_piece" $sf_document {
    default 0;
    "~^1\|\|document\|[a-z]+\|(?:app)?$" 1;
    "~^1\|\|unsaid\|yes\|$" 1;
}
""".replace("%ASSETS%", _ASSETS)

_MARKED = r"""
# A condition with the mark of a tagged page: only the edge can take it off.
map "$http_if_none_match$http_if_match$http_if_range" $sf_marked {
    default 0;
    "~\.sf[0-9A-Za-z_-]+\"" 1;
}
"""

_STREAM = r"""
map "$sf_upgrade|$http_accept" $sf_stream {
    default 0;
    "~^websocket\|" 1;
    "~*text/event-stream" 1;
}
"""

_ROUTE_TO_EDGE = r"""
map "$sf_document$sf_marked$sf_stream" $sf_route {
    default "";
    "~^1" @edge;
    "~^01" @edge;
    "001" @stream;
}
map $sf_stream $sf_route_unmarked {
    default "";
    1 @stream;
}
# When the edge is dead a page comes from its origin, without the tag. What is no GET or HEAD may
# have arrived somewhere already and is never sent twice.
map $sf_reads $sf_fallback {
    default @failed;
    1 @origin;
}
"""

_ROUTE_TO_PAGE = r"""
map "$sf_document$sf_stream" $sf_route {
    default "";
    "~^1" @page;
    "01" @stream;
}
map $sf_stream $sf_route_unmarked {
    default "";
    1 @stream;
}
"""

ERRORS = "/.2f1d6c3e9b7a4c58"
"""Where our error pages live: inside nginx only. A path that no site has: it would be hidden."""

_REFUSALS: tuple[tuple[str, Refusal], ...] = (
    ("400", BAD_REQUEST),
    ("405", METHOD_REFUSED),
    ("413", TOO_LARGE),
    ("414", TARGET_TOO_LONG),
    ("421", UNKNOWN_HOST),
    ("431", HEAD_TOO_LARGE),
    ("502", BAD_GATEWAY),
    ("503", MAINTENANCE),
    ("504", GATEWAY_TIMEOUT),
)


def render_maps(options: NginxOptions) -> Lines:
    """Write the variables that all sites share."""
    if options.inject is Inject.EDGE:
        route = _MARKED + _STREAM + _ROUTE_TO_EDGE
    else:
        route = _STREAM + _ROUTE_TO_PAGE
    text = _AUTHORITY + _WEBSOCKET + _COOKIE + _DOCUMENT + route
    return [*_forwarding(options), *text.splitlines(), "", *_error_texts()]


def _forwarding(options: NginxOptions) -> Lines:
    """Say who is believed, and what origins are told of the way here."""
    trusted = block(
        "geo $realip_remote_addr $sf_trusted",
        ["default 0;", *(f"{network} 1;" for network in options.trusted)],
    )
    return [
        *comment("Whether the peer is a proxy whose forwarding fields are believed."),
        *trusted,
        *_FORWARDING.splitlines(),
        *(line for name in CLAIMS for line in _claim(name)),
        *_real_ip(options),
    ]


_FORWARDING = r"""
map "$sf_trusted:$http_x_forwarded_proto" $sf_scheme {
    default $scheme;
    "~*^1:\s*http\s*(?:,|$)" http;
    "~*^1:\s*https\s*(?:,|$)" https;
}
map "$sf_trusted:$http_x_forwarded_host" $sf_forwarded_host {
    default $sf_authority;
    "~^1:\s*(?<sf_first_host>[^,\s]+)" $sf_first_host;
}
map "$sf_trusted:$http_x_forwarded_for" $sf_forwarded_for {
    default $realip_remote_addr;
    "~^1:(?<sf_for>.+)$" "$sf_for, $realip_remote_addr";
}
map $realip_remote_addr $sf_node {
    default $realip_remote_addr;
    "~:" "\"[$realip_remote_addr]\"";
}
map "$sf_trusted:$http_forwarded" $sf_forwarded {
    default "for=$sf_node;host=\"$sf_authority\";proto=$sf_scheme";
    "~^1:(?<sf_was>.+)$" "$sf_was, for=$sf_node;host=\"$sf_authority\";proto=$sf_scheme";
}
"""


def claim_variable(name: str) -> str:
    """Name the variable that holds a claim if it may be believed."""
    return "$sf_claim_" + name.lower().replace("-", "_")


def _claim(name: str) -> Lines:
    field = "$http_" + name.lower().replace("-", "_")
    return block(f"map $sf_trusted {claim_variable(name)}", ['default "";', f"1 {field};"])


def _real_ip(options: NginxOptions) -> Lines:
    """Let nginx find the client's address: right to left, as far as trusted proxies wrote it."""
    if not options.trusted:
        return []
    return [
        *(f"set_real_ip_from {network};" for network in options.trusted),
        "real_ip_recursive on;",
    ]


def _error_texts() -> Lines:
    """Write the bodies of our error pages, which are the Python fronts' word for word."""
    rows = [f'{code} "{_text(refusal)}";' for code, refusal in _REFUSALS]
    moved = [f'{code} "{_text(Redirect(code, b""))}";' for code in (301, 308)]
    default = f'default "{_text(BAD_GATEWAY)}";'
    return [
        *block("map $status $sf_error_text", [default, *moved, *rows]),
        *block("map $status $sf_retry_after", ['default "";', "503 300;"]),
    ]


def _text(answer: Refusal | Redirect) -> str:
    body = render_error(answer, "$request_id").body.decode("ascii")
    return body.replace("\n", "\\n")
