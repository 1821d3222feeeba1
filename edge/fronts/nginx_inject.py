"""The two variants that put the tag in without Python: nginx's script language, and sub_filter.

Both know one tag a site, written when the file was made; both ask the origin for pages without a
coding, for neither can undo one. Which requests may be pages is ``nginx_maps``; what njs does with
a page is ``nginx_js/``. The one invariant: on anything not certain the page passes as it is.
"""

from edge.fronts.nginx_options import Inject, NginxOptions
from edge.fronts.nginx_text import Lines, block, comment, literal
from edge.inject.tag import render_tag
from edge.sites import CspMode, Site

SUB_FILTER_MAPS = r"""
# Which answers sub_filter may touch: those of a page's status and kind. With a policy only where
# the policy's nonce can be reused; a coding, which the origin was not asked for, cannot be undone.
map $upstream_http_content_security_policy $sf_nonce {
    default "";
    "~*(?:script-src-elem|script-src|default-src)[^;,]*'nonce-(?<sf_nonce_value>[A-Za-z0-9+/=_-]+)'"
        $sf_nonce_value;
}
map "$upstream_http_content_security_policy|$sf_nonce" $sf_policy {
    default blocked;
    "|" "";
    "~\|.+$" "";
}
map "$upstream_http_content_disposition" $sf_download {
    default attachment;
    "" "";
    "~*^inline\s*(?:;|$)" "";
}
map "$upstream_status" $sf_page_status {
    default other;
    "~^(?:20[0123789]|[45][0-9][0-9])$" "";
}
map "$http_cache_control,$upstream_http_cache_control" $sf_transform {
    default "";
    "~*no-transform" never;
}
map "$upstream_http_content_encoding$upstream_http_integrity_policy$upstream_http_signature_input"
    $sf_odd {
    default odd;
    "" "";
}
map "$sf_download$sf_page_status$sf_transform$sf_odd" $sf_plain_page {
    default "";
    "" "<head>";
}
map $sf_policy $sf_needle_reusing {
    default "";
    "" $sf_plain_page;
}
map $sf_nonce $sf_nonce_attribute {
    default "";
    "~." " nonce=\"$sf_nonce\"";
}
"""

_REMARKABLE = "$sf_transform" + "".join(
    f"$upstream_http_{name}"
    for name in (
        *("content_disposition", "content_encoding", "integrity_policy", "signature_input"),
        *("content_security_policy", "content_security_policy_report_only"),
        *("content_md5", "digest", "repr_digest", "content_digest"),
    )
)

NJS_MAPS = r"""
# The script is asked only where there is a condition.
map $http_if_none_match $sf_asked_none_match {
    "" "";
    default $sf_if_none_match;
}
map $http_if_modified_since $sf_asked_since {
    "" "";
    default $sf_if_modified_since;
}
map $http_if_match $sf_asked_match {
    "" "";
    default $sf_if_match;
}
map $http_if_range $sf_asked_if_range {
    "" "";
    default $sf_if_range;
}
map "$upstream_http_cache_control,$http_cache_control" $sf_transform {
    default "";
    "~*no-transform" never;
}
# Answers with any of these fields are looked at closely; most have none.
map "%REMARKABLE%" $sf_remarkable {
    default 1;
    "" 0;
}
map $http_if_range $sf_asked_range {
    "" $http_range;
    default $sf_range;
}
""".replace("%REMARKABLE%", _REMARKABLE)

_CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Match", "If-Range", "Range")


def module_lines(options: NginxOptions) -> Lines:
    """Load what the variant needs; belongs at the top of the file."""
    if options.inject is not Inject.NJS:
        return []
    return [f"load_module {literal(options.njs_module, 'the njs module')};"]


def http_lines(options: NginxOptions) -> Lines:
    """Declare what the variant needs once for all sites."""
    if options.inject is Inject.SUB_FILTER:
        return [*SUB_FILTER_MAPS.splitlines(), *_hit_format(options)]
    if options.inject is Inject.NJS:
        return [
            *_hit_format(options),
            f"js_path {literal(options.scripts, 'the njs scripts')};",
            "js_import sf from inject.js;",
            "js_set $sf_if_none_match sf.ifNoneMatch;",
            "js_set $sf_if_modified_since sf.ifModifiedSince;",
            "js_set $sf_if_match sf.ifMatch;",
            "js_set $sf_if_range sf.ifRange;",
            "js_set $sf_range sf.range;",
            *NJS_MAPS.splitlines(),
        ]
    return []


def page_location(site: Site, options: NginxOptions, origin_url: str, to_origin: Lines) -> Lines:
    """Write the location of what may be a page; ``to_origin`` are the fields all requests get."""
    inner = _njs(site, options) if options.inject is Inject.NJS else _sub_filter(site, options)
    return block(
        "location @page",
        [f"proxy_pass {origin_url};"],
        to_origin,
        inner,
        _coding(),
        _hits(options),
    )


def _njs(site: Site, options: NginxOptions) -> Lines:
    tag = options.tags[site.id]
    values = {
        "$sf_script": tag.script_url,
        "$sf_endpoint": tag.endpoint_url,
        "$sf_modules": tag.module_prefix,
        "$sf_version": tag.version,
        "$sf_modified_at": str(tag.modified_at),
        "$sf_csp": str(site.csp),
    }
    return [
        *(f"set {name} {literal(value, name)};" for name, value in values.items()),
        "proxy_set_header If-None-Match $sf_asked_none_match;",
        "proxy_set_header If-Modified-Since $sf_asked_since;",
        "proxy_set_header If-Match $sf_asked_match;",
        "proxy_set_header If-Range $sf_asked_if_range;",
        "proxy_set_header Range $sf_asked_range;",
        "js_header_filter sf.header;",
        "js_body_filter sf.body buffer_type=buffer;",
    ]


def _sub_filter(site: Site, options: NginxOptions) -> Lines:
    tag = render_tag(options.tags[site.id]).decode("ascii")
    needle = "$sf_plain_page" if site.csp is CspMode.OFF else "$sf_needle_reusing"
    tag = tag.replace("></script>", "$sf_nonce_attribute></script>")
    return [
        *comment("A page without conditions: what a cache keeps could not be told from a new one."),
        *(f'proxy_set_header {name} "";' for name in _CONDITIONS),
        f"sub_filter {needle} '<head>{tag}';",
        "sub_filter_once on;",
    ]


def _coding() -> Lines:
    return [
        *comment(
            "Pages are asked for plain and compressed here. A site that never compresses its pages "
            "because of BREACH should say gzip off."
        ),
        'proxy_set_header Accept-Encoding "";',
        "gzip on;",
        "gzip_proxied any;",
        "gzip_types application/xhtml+xml;",
        "gzip_min_length 1000;",
    ]


def _hits(options: NginxOptions) -> Lines:
    if not options.hits_socket:
        return comment(
            "Nobody is told of pages. With --hits-socket a line a page goes to a unix socket, "
            "never to a file: it holds an address until the collector has made a visitor of it."
        )
    server = literal(options.hits_socket, "--hits-socket")
    return [f"access_log syslog:server=unix:{server},nohostname,tag=sf sf_hit;"]


def _hit_format(options: NginxOptions) -> Lines:
    """Describe a page to the collector: one JSON object a line."""
    if not options.hits_socket:
        return []
    fields = {
        "host": "$host",
        "uri": "$request_uri",
        "status": "$status",
        "bytes": "$body_bytes_sent",
        "address": "$remote_addr",
        "agent": "$http_user_agent",
        "referrer": "$http_referer",
        "language": "$http_accept_language",
        "method": "$request_method",
        "scheme": "$scheme",
        "type": "$sent_http_content_type",
        "location": "$sent_http_location",
        "ttfb": "$upstream_header_time",
        "time": "$request_time",
        "dest": "$http_sec_fetch_dest",
        "purpose": "$http_sec_purpose",
        "dnt": "$http_dnt",
        "gpc": "$http_sec_gpc",
        "out": "$cookie_sf_out",
    }
    line = ",".join(f'"{name}":"{variable}"' for name, variable in fields.items())
    return [f"log_format sf_hit escape=json '{{{line}}}';"]
