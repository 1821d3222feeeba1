"""One HTTP request to a given address, with errors that are sentences, for who looks into a site.

Names are resolved by the edge's own code, so an address outside ``STATFLOW_UPSTREAM_RANGES`` is
never connected to. The one invariant: at most ``MOST_BYTES`` are read, ``PATIENCE_S`` a step.
"""

import asyncio
import dataclasses
import http.client
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from edge.explain import Knowledge, Question, fetch_plan
from edge.fronts.origins import Origins, UpstreamRefusedError
from edge.fronts.reception import Upstream
from edge.upstream_ranges import UpstreamRanges
from edge.wire.fields import Field
from portal.language import _

PATIENCE_S = 10.0
MOST_BYTES = 1_000_000


class FetchError(Exception):
    """There is no answer; the message goes on after the name of who was asked."""


class RefusedError(FetchError):
    """Nobody takes connections there."""


class CertificateError(FetchError):
    """Somebody answers whose certificate does not hold."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    fields: tuple[Field, ...]
    body: bytes

    def field(self, name: str) -> str:
        """Give a header field's value, empty where there is none."""
        wanted = name.lower().encode()
        return next((v.decode("latin-1") for n, v in self.fields if n.lower() == wanted), "")


def resolve(upstream: Upstream, ranges: str) -> list[tuple[str, int]]:
    """Find the addresses of an upstream that may be connected to.

    Raises:
        FetchError: It has none, or none that the operator allows.
    """
    origins = Origins(allowed=UpstreamRanges(ranges))
    try:
        return asyncio.run(origins.addresses(upstream))
    except UpstreamRefusedError:
        raise FetchError(
            _("has no address that the edge may connect to (STATFLOW_UPSTREAM_RANGES)")
        ) from None
    except OSError:
        raise FetchError(_("has no address: the name does not resolve")) from None


def fetch(
    address: tuple[str, int],
    target: str,
    *,
    headers: Iterable[tuple[str, str]],
    tls_name: str = "",
    method: str = "GET",
    body: bytes = b"",
) -> Answer:
    """Ask an address; over TLS where a name is given for the certificate.

    Raises:
        FetchError: There is no answer that can be read.
    """
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    try:
        connection.connect()
        if tls_name:
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=tls_name)
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        fields = tuple((k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.getheaders())
        return Answer(answer.status, fields, answer.read(MOST_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _in_words(error) from None
    finally:
        connection.close()


def _in_words(error: Exception) -> FetchError:
    match error:
        case ssl.SSLCertVerificationError():
            return CertificateError(
                _(
                    "shows a certificate that does not hold: %(problem)s",
                    problem=error.verify_message,
                )
            )
        case ssl.SSLError():
            return CertificateError(_("does not speak TLS there, or refuses the name"))
        case TimeoutError() | socket.timeout():
            return RefusedError(
                _("does not answer within %(count)s seconds", count=round(PATIENCE_S))
            )
        case ConnectionRefusedError():
            return RefusedError(_("refuses connections"))
        case OSError():
            return RefusedError(
                _("cannot be reached: %(problem)s", problem=error.strerror or error)
            )
        case _:
            return FetchError(_("answers something that is not HTTP"))


def ask_upstream(question: Question, knowledge: Knowledge, ranges: str) -> Question:
    """Ask a site's upstream what it answers to a question, as the edge would.

    Raises:
        FetchError: It does not answer.
    """
    plan = fetch_plan(question, knowledge)
    if plan is None:
        return question
    upstream, target, headers = plan
    address = resolve(upstream, ranges)[0]
    answer = fetch(
        address,
        target,
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
        tls_name=upstream.sni if upstream.tls else "",
        method=question.method,
    )
    return dataclasses.replace(
        question, status=answer.status, answer_headers=answer.fields, body=answer.body
    )
