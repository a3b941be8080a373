"""Traces for OpenTelemetry, where an operator asks for them; until then no SDK is imported for it.

The exporter and the sampler read the standard variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME,
OTEL_TRACES_SAMPLER, ...). No span has the id of a player: neither paths nor queries nor arguments of scripts nor the
text of errors are in one.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from leaderboard.config import PREFIX, Settings
from leaderboard.errors import ConfigError
from leaderboard.metrics import NO_ROUTE, Seen

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_NOTHING: Final = nullcontext()
_HEADERS: Final = (b"traceparent", b"tracestate")
_END_SECONDS = 3.0
_MOST_NAMES = 5  # of scripts, in the name of a span
_log = structlog.get_logger(__name__)


class _Named(Protocol):
    @property
    def script(self) -> str: ...


class _Spanned(Protocol):
    @property
    def seen(self) -> Seen | None: ...


class _Tracing:
    """What this process traces with; nothing while it does not."""

    provider: "TracerProvider | None" = None
    tracer: "Tracer | None" = None


def check(settings: Settings) -> None:
    """Raises ConfigError where traces are asked for and the extra that makes them is not installed."""
    if settings.traces == "off":
        return
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: PLC0415 - an extra
        import opentelemetry.sdk.trace  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigError(f"{PREFIX}TRACES=otlp needs the extra: pip install 'leaderboard[tracing]'.") from error


def begin(settings: Settings, process: str) -> None:
    """Traces from here on, if that is asked for; in a process that forks no more. Raises ConfigError.

    `process` says which of the service's it is: `web` or `scheduler`.
    """
    check(settings)
    if settings.traces == "off" or _Tracing.provider is not None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from leaderboard import __version__  # noqa: PLC0415

    resource = Resource.create({"service.version": __version__, "leaderboard.process": process})
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "leaderboard"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _Tracing.provider, _Tracing.tracer = provider, provider.get_tracer("leaderboard", __version__)


def end() -> None:
    """Sends what is left, and traces no more; a collector that is away is not waited for long."""
    provider, _Tracing.provider, _Tracing.tracer = _Tracing.provider, None, None
    if provider is None:
        return
    ending = threading.Thread(target=provider.shutdown, name="traces-end", daemon=True)
    ending.start()
    ending.join(_END_SECONDS)
    if ending.is_alive():
        _log.warning("traces were lost", reason="The collector did not take them in time.")


def is_on() -> bool:
    """Whether this process traces."""
    return _Tracing.tracer is not None


def begin_request(seen: Seen, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Begins the span of a request, as part of the trace that its `traceparent` names."""
    if _Tracing.tracer is None:
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    given = {name.decode("ascii"): value.decode("latin-1") for name, value in headers if name in _HEADERS}
    parent = TraceContextTextMapPropagator().extract(given) if given else None
    seen.span = _Tracing.tracer.start_span(seen.method, context=parent, kind=SpanKind.SERVER)


def end_request(seen: Seen) -> None:
    """Ends the span of a request with what became of it."""
    span = seen.span
    if span is None:
        return
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    if seen.route != NO_ROUTE:
        span.update_name(f"{seen.method} {seen.route}")
        span.set_attribute("http.route", seen.route)
    span.set_attributes({"http.request.method": seen.method, "http.response.status_code": seen.status})
    if seen.game:
        span.set_attribute("leaderboard.game", seen.game)
    if seen.status >= 500:
        span.set_attribute("error.type", str(seen.status))
        span.set_status(StatusCode.ERROR)
    span.end()


def within(seen: Seen | None) -> AbstractContextManager[Any]:
    """What is traced in the block is part of that request."""
    if seen is None or seen.span is None:
        return _NOTHING
    from opentelemetry.trace import use_span  # noqa: PLC0415

    return use_span(seen.span, record_exception=False, set_status_on_exception=False)


def together(name: str, requests: Sequence[_Spanned]) -> AbstractContextManager[Any]:
    """A block that does the work of several requests at once: a trace of its own, with links to theirs."""
    if _Tracing.tracer is None:
        return _NOTHING
    from opentelemetry.trace import Link  # noqa: PLC0415

    spans = [one.seen.span for one in requests if one.seen is not None and one.seen.span is not None]
    if len(spans) == 1:
        return _part(name, {}, parent=spans[0])
    links = [Link(span.get_span_context()) for span in spans]
    return _part(name, {"leaderboard.requests": len(requests)}, links=links)


def store_calls(calls: Sequence[_Named]) -> AbstractContextManager[Any]:
    """A block in which the store is asked: the names of the scripts, never their arguments."""
    if _Tracing.tracer is None:
        return _NOTHING
    names = sorted({call.script for call in calls})
    more = ", ..." if len(names) > _MOST_NAMES else ""
    operation = ", ".join(names[:_MOST_NAMES]) + more
    about = {"db.system.name": "redis", "db.operation.name": operation, "db.operation.batch.size": len(calls)}
    return _part(f"store {operation}", about, is_call=True)


def job(name: str) -> AbstractContextManager[Any]:
    """A block that is one run of a job."""
    return _NOTHING if _Tracing.tracer is None else _part(f"job {name}", {"leaderboard.job": name})


@contextmanager
def _part(
    name: str, about: Mapping[str, Any], *, parent: Any = None, links: Any = None, is_call: bool = False
) -> Iterator[None]:
    from opentelemetry import trace  # noqa: PLC0415

    tracer = _Tracing.tracer
    if tracer is None:  # it has ended meanwhile
        yield
        return
    kind = trace.SpanKind.CLIENT if is_call else trace.SpanKind.INTERNAL
    context = None if parent is None else trace.set_span_in_context(parent)
    quiet = {"record_exception": False, "set_status_on_exception": False}  # its text may name a player
    with tracer.start_as_current_span(name, context, kind, attributes=dict(about), links=links, **quiet) as span:
        try:
            yield
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(trace.StatusCode.ERROR)
            raise
