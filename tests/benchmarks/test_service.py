"""The service as the benchmark starts it, and the generator against it."""

import itertools

from benchlib.cases import Requests
from benchlib.service import BOARD, running
from benchlib.wire import Load, http


def test_a_connection_outlives_large_bodies() -> None:
    with running(1, {}) as service:
        service.call("PUT", f"/boards/{BOARD}", {"periods": ["all"]})
        requests = Requests(f"{service.host}:{service.port}", service.key, BOARD)
        bulks = [requests.lines([(player, 10_000_000 + size) for player in range(size)]) for size in (500, 2000, 5000)]
        assert len(bulks[-1]) > 4 * 65_536
        source = itertools.islice(itertools.cycle(bulks), 9)
        sample = Load((service.host, service.port), 1, source, http).run(None)
    assert not sample.failures
    assert sample.answered == 9
