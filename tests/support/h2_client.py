"""A small HTTP/2 client over TLS: several streams, and a window it opens only when told to."""

import ssl
from dataclasses import dataclass, field
from typing import Self

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.support.raw_client import RawClient


@dataclass
class Stream:
    """What came back on one stream."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    interim: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(dict(self.headers)[b":status"])


class H2Client:
    """One connection."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        *,
        name: str = "shop.localhost",
        window: int | None = None,
    ) -> None:
        self.raw = RawClient(port, context=context, name=name)
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self.h2 = h2.connection.H2Connection(config)
        if window is not None:
            self.h2.local_settings = h2.settings.Settings(
                client=True,
                initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window},
            )
        self.streams: dict[int, Stream] = {}
        self.goaway = False
        self.reads_on = True
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.raw.socket.close()

    def flush(self) -> None:
        self.raw.send(self.h2.data_to_send())

    def request(
        self,
        path: str,
        *fields: tuple[str, str],
        method: str = "GET",
        host: str = "shop.localhost",
        body: bytes | None = None,
    ) -> int:
        stream_id: int = self.h2.get_next_available_stream_id()
        self.streams[stream_id] = Stream()
        headers = [(":method", method), (":scheme", "https"), (":authority", host)]
        self.h2.send_headers(
            stream_id, [*headers, (":path", path), *fields], end_stream=body is None
        )
        if body is not None:
            self.h2.send_data(stream_id, body, end_stream=True)
        self.flush()
        return stream_id

    def wait(self, *stream_ids: int) -> None:
        """Read until these streams have ended."""
        while not all(self.streams[i].ended for i in stream_ids) and not self.raw.ended:
            self.pump()

    def pump(self) -> None:
        """Read once."""
        data = self.raw.read_some()
        for event in self.h2.receive_data(data) if data else []:
            self._take(event)
        self.flush()

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.InformationalResponseReceived(stream_id=i, headers=headers):
                self.streams[i].interim.append(list(headers))
            case h2.events.ResponseReceived(stream_id=i, headers=headers):
                self.streams[i].headers = list(headers)
            case h2.events.DataReceived(stream_id=i, data=data, flow_controlled_length=n):
                self.streams[i].body += data
                if self.reads_on and n:
                    self.h2.acknowledge_received_data(n, i)
            case h2.events.TrailersReceived(stream_id=i, headers=headers):
                self.streams[i].trailers = list(headers)
            case h2.events.StreamEnded(stream_id=i):
                self.streams[i].ended = True
            case h2.events.StreamReset(stream_id=i, error_code=code):
                self.streams[i].ended, self.streams[i].reset = True, code
            case h2.events.ConnectionTerminated():
                # hyper-h2 would refuse what is still to come on open streams.
                self.goaway = True
                self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
