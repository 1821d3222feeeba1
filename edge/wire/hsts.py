"""Strict-Transport-Security: tell browsers to come by HTTPS from now on.

Added to what secure connections get where a site asks for it; the redirect of the others is
``edge.fronts.reception``. The one invariant: what an origin says itself is left as it is.

Source: RFC 6797. Without ``includeSubDomains``: other names of the domain are not ours.
"""

from edge.wire.fields import Field, Fields, values_of

HSTS: Field = (b"Strict-Transport-Security", b"max-age=31536000")


def with_hsts(fields: Fields) -> list[Field]:
    """Add the field, unless there is one."""
    kept = list(fields)
    if not values_of(fields, b"strict-transport-security"):
        kept.append(HSTS)
    return kept
