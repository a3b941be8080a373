"""A collector of traces, as far as a test needs one: takes OTLP over HTTP and keeps the spans."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_SECONDS = 20


@dataclass(frozen=True)
class Span:
    """One span, decoded."""

    process: str  # of the service's: web or scheduler
    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    about: dict[str, Any]
    status: int
    text: str  # all of it, to look for what must not be there
    seconds: float


@dataclass
class Collector:
    """What has arrived."""

    url: str
    spans: list[Span] = field(default_factory=list)

    def wait_for(self, is_wanted: Callable[[Span], bool], count: int = 1) -> list[Span]:
        """Those spans, once there are so many."""
        deadline = time.monotonic() + _SECONDS
        while len(found := [span for span in list(self.spans) if is_wanted(span)]) < count:
            assert time.monotonic() < deadline, sorted({span.name for span in self.spans})
            time.sleep(0.05)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Such a collector on a free port."""
    kept: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                kept.extend(_decoded(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Collector(f"http://127.0.0.1:{server.server_port}", kept)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _decoded(body: bytes) -> Iterator[Span]:
    message = ExportTraceServiceRequest.FromString(body)
    for resource in message.resource_spans:
        of = _values(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    of["leaderboard.process"],
                    of["service.name"],
                    span.name,
                    span.kind,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    tuple(link.span_id.hex() for link in span.links),
                    _values(span.attributes),
                    span.status.code,
                    str(span),
                    (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
