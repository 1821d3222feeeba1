"""What a generated nginx configuration says of itself: its use, and what it does differently.

An operator reads this at the top of the file; ``docs/edge.md`` refers to it. What is wrong enough
to break a page is no note but an error (``nginx_checks``). The one invariant: a difference that
the conformance suite expects of the nginx front (``tests/conformance/limits.py``) is named here.
"""

from edge.fronts.nginx_options import Inject, NginxOptions
from edge.fronts.nginx_text import Lines, comment

_DIFFERENCES = (
    (
        "A new site, host, certificate, or a switch that was thrown needs this file made again "
        "and `nginx -s reload`. The edge behind nginx follows by itself, within two seconds, for "
        "all that goes through it: pages and the prefix."
    ),
    (
        "Names of origins are resolved when nginx starts or reloads, not at each connection; one "
        "that cannot be resolved keeps nginx from starting. Which address a name leads to is not "
        "checked against ranges."
    ),
    "`Server: nginx` is written where the origin sends no Server field, and into errors.",
    (
        "Interim answers (102, 103) are not passed on. nginx before 1.29 takes one for the final "
        "answer, so an origin may not send any on what goes to it natively; on pages the edge "
        "keeps them back."
    ),
    "Trailers are dropped, both ways.",
    "Fields named in Connection are passed on like others; nginx takes out only those it knows.",
    (
        "Folded lines in an origin's answer, two lengths in it, and a path with a broken percent "
        "escape or one that climbs above the root are errors (502 and 400)."
    ),
    "Lines of a request may end in a bare LF.",
    (
        "Time to the first byte and between bytes is one limit, 60 s; event streams (Accept: "
        "text/event-stream) and WebSocket have none."
    ),
    "A line of the header may have 64 KiB, all of it a little more; so may a path.",
    "Where megabytes flow both ways in one exchange at once, nginx stalls one time in ten.",
    "TRACE is refused, and so is the target `*`.",
    "nginx from 1.25.1 warns of `http2` in `listen`, which older ones need; it works all the same.",
    "An unknown host over TLS gets 421 even where a default site is set.",
    (
        "X-Forwarded-For of pages names the client alone where it came through trusted proxies; "
        "that of all else, and Forwarded, name every hop."
    ),
)
_ACME = (
    "nginx reads STATFLOW_ACME_DIR as the user its workers run as (`nobody`, unless a `user` line "
    "at the top says else): what that user may not read is asked of the origin."
)
_EDGE = (
    (
        "The edge must believe nginx: start it with STATFLOW_TRUSTED_PROXIES=loopback, and let it "
        "listen where nobody but nginx can connect."
    ),
    (
        "A dead edge costs the tag, not the page: GET and HEAD are then asked of the origin. An "
        "edge that hangs does so for 65 s once, then it is left alone for 10 s at a time."
    ),
)
_NJS = (
    (
        "njs: pages come from the origin uncompressed and are compressed here (gzip only). Hits, "
        "canary, shadow, circuit breaker, debug fields and metrics of pages need the edge."
    ),
)
_SUB_FILTER = (
    (
        "sub_filter: only a page that holds exactly `<head>` (in any case) gets the tag, and it "
        "gets it there, be it in a comment. Fragments, AMP pages and pages that have the tag are "
        "not told from others, and of several policy fields only one is read."
    ),
    "sub_filter: pages lose ETag and Last-Modified and are never answered by 304.",
    "Hits, canary, shadow, circuit breaker, debug fields and metrics of pages need the edge.",
)
_LOGS = (
    "No log holds an address: access_log is off, and nginx writes the client's address into "
    "every error line that has to do with a request, up to the level `alert`. Only `emerg` is "
    "free of it, and tells what keeps nginx from starting. To look for an error, raise the level "
    "for as long as it takes."
)


def head_notes(options: NginxOptions, number: int) -> Lines:
    """Write the comment at the top of the file."""
    asked = f"--inject {options.inject}"
    lines = comment(
        f"Made by `statflow front nginx {asked}` from sites snapshot {number}. Do not edit: make "
        "it again. Needs nginx 1.19.4 or newer with its SSL, HTTP/2 and real-IP modules."
    )
    own = {Inject.EDGE: _EDGE, Inject.NJS: _NJS, Inject.SUB_FILTER: _SUB_FILTER}[options.inject]
    lines += ["#", *comment("What differs from the Python fronts:")]
    acme = (_ACME,) if options.acme_dir else ()
    for note in (*own, *acme, *_DIFFERENCES):
        lines += [line.replace("#", "#  ", 1) for line in comment("- " + note, 96)]
    if options.names_until:
        lines += [
            "#",
            *comment(
                f"Names of quiet sites are known until {options.names_until}: make this file "
                "again before that, weekly at best."
            ),
        ]
    return lines


def log_notes() -> Lines:
    """Say why there are no logs."""
    return comment(_LOGS)
