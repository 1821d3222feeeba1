"""The direct front: HTTP/1.1 without TLS, on asyncio's protocols; the fastest of the three.

``front`` listens, ``client_side`` and ``origin_side`` are the two ends of an ``exchange``, ``pool``
keeps connections to origins, ``proxy_protocol`` reads who is behind a balancer.
"""

from edge.fronts.direct.front import DirectFront

__all__ = ["DirectFront"]
