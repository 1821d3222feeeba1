"""HTTP/3 as Chromium speaks it: the page, our script, uploads, downloads, many at once.

Of those at once each may be asked for a second time: on a machine that is busy with other tests,
Chromium was seen to give up a connection of its own accord.
"""

import base64
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance.asking import MIB
from tests.conformance.cases import HTML
from tests.edge.fronts.conftest import Movable
from tests.support.chromium import CHROMIUM_ARGS, launch_chromium
from tests.support.front_stack import SHOP
from tests.support.origin import ok

PAGE = b"<!doctype html><html><head><title>t</title></head><body>hi</body></html>"


def trust(movable: Movable) -> str:
    """Name the key of the shop's certificate, as Chromium wants it."""
    chain = (movable.stack.tls_dir / SHOP / "fullchain.pem").read_bytes()
    key = x509.load_pem_x509_certificates(chain)[0].public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode()


def test_chromium_speaks_http3_with_the_front(movable: Movable) -> None:
    port = movable.stack.run(movable.front.start_quic("127.0.0.1", 0))
    movable.stack.origin.script("/page", ok(PAGE, HTML))
    args = (
        *CHROMIUM_ARGS,
        "--enable-quic",
        f"--origin-to-force-quic-on={SHOP}:{port}",
        f"--ignore-certificate-errors-spki-list={trust(movable)}",
        f"--host-resolver-rules=MAP {SHOP} 127.0.0.1",
    )
    with launch_chromium(args) as chromium, chromium.active() as browser:
        page = browser.new_page()
        page.goto(f"https://{SHOP}:{port}/page")
        spoken = page.evaluate(
            "['navigation', 'resource'].map(kind => performance.getEntriesByType(kind)"
            ".filter(one => !one.name.includes('favicon')).map(one => one.nextHopProtocol))"
        )
        upload = "fetch('/digest', {method: 'POST', body: 'x'.repeat(1048576)}).then(r => r.text())"
        digest = page.evaluate(upload)
        size = page.evaluate("fetch('/big?64').then(r => r.arrayBuffer()).then(b => b.byteLength)")
        statuses = page.evaluate(
            "Promise.all(Array.from({length: 120}, (_, i) => fetch('/echo?' + i)"
            ".catch(() => fetch('/echo?' + i)).then(r => r.status)))"
        )

    assert spoken == [["h3"], ["h3"]]
    assert digest == f"{MIB} {hashlib.sha256(b'x' * MIB).hexdigest()}"
    assert size == 4 * MIB
    assert statuses == [200] * 120
    assert "injected" in {served.outcome for served in movable.stack.served}
