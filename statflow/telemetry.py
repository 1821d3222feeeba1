"""Traces for OpenTelemetry, where an operator asks for them; without it nothing is imported.

One provider a process, started by its command; spans leave in batches from a thread of their own,
so a receiver that is away slows nothing down. The one invariant: what leaves is what
``store.tracing`` allows, and nothing that an exception said.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from statflow import __version__
from statflow.settings import Settings, SettingsError
from store import tracing
from store.tracing import ATTRIBUTES, Listener, Span, Value

_FLUSH_MS = 2_000


@contextmanager
def traced(settings: Settings, role: str) -> Iterator[None]:
    """Send spans of this process for a block, if the settings name a receiver.

    Raises:
        SettingsError: The packages are not installed.
    """
    if not settings.otlp_endpoint:
        yield
        return
    try:
        provider = _provider(settings.otlp_endpoint, role)
    except ImportError as error:
        raise SettingsError(
            "STATFLOW_OTLP_ENDPOINT needs packages that are not here: install statflow[telemetry]"
        ) from error
    tracing.listen(_open_telemetry(provider))
    try:
        yield
    finally:
        tracing.listen(None)
        provider.force_flush(_FLUSH_MS)
        provider.shutdown()


def _provider(endpoint: str, role: str) -> Any:
    # Only here: whoever has no receiver need not have the packages.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    resource = Resource.create({"service.name": f"statflow-{role}", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _allowed(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if name in ATTRIBUTES}


def _open_telemetry(provider: Any) -> Listener:
    """Make the listener over a provider of OpenTelemetry's."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    tracer = provider.get_tracer("statflow", __version__)

    class Open:
        def __init__(self, own: Any) -> None:
            self._own = own

        def note(self, **attributes: Value) -> None:
            self._own.set_attributes(_allowed(attributes))

    class OpenTelemetry:
        @contextmanager
        def open(self, name: str, attributes: Mapping[str, Value]) -> Iterator[Span]:
            with tracer.start_as_current_span(
                name,
                attributes=_allowed(attributes),
                record_exception=False,
                set_status_on_exception=False,
            ) as own:
                try:
                    yield Open(own)
                except BaseException:
                    own.set_status(StatusCode.ERROR)
                    raise

        def record(self, name: str, seconds: float, attributes: Mapping[str, Value]) -> None:
            end_ns = time.time_ns()
            own = tracer.start_span(
                name, attributes=_allowed(attributes), start_time=end_ns - round(seconds * 1e9)
            )
            own.end(end_ns)

    return OpenTelemetry()
