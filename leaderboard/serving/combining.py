"""One thread that does the work of many requests together.

While it is at one batch the next one gathers. So a lone request goes at once, and the busier a worker is, the more
of them share a round trip to the store, and the handing over between loop and thread.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
_Waiting = tuple[_Job, "asyncio.Future[_Result]"]


class Combiner(Generic[_Job, _Result]):
    """Hands jobs from an event loop to `work`, as many at a time as there are; one result each, in order."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[Sequence[_Job]], Sequence[_Result]],
        name: str,
        most: int,
    ) -> None:
        """`most`: jobs in a batch."""
        self._loop = loop
        self._work = work
        self._most = most
        self.jobs = 0  # since it began
        self.batches = 0
        self._queue: queue.SimpleQueue[tuple[_Job, asyncio.Future[_Result]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, job: _Job) -> "asyncio.Future[_Result]":
        """The result of a job; what `work` raises is raised for all of its batch. To be called in the loop."""
        future: asyncio.Future[_Result] = self._loop.create_future()
        self._queue.put((job, future))
        return future

    def close(self) -> None:
        """Waits for what was put in."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._gather()) is not None:
            self.jobs += len(batch)
            self.batches += 1
            try:
                results: Sequence[_Result] | Exception = self._work([job for job, _ in batch])
            except Exception as error:  # noqa: BLE001 - it is handed to whoever waits
                results = error
            self._loop.call_soon_threadsafe(_settle, [future for _, future in batch], results)

    def _gather(self) -> "list[tuple[_Job, asyncio.Future[_Result]]] | None":
        found = self._queue.get()
        if found is None:
            return None
        batch = [found]
        while len(batch) < self._most:
            try:
                found = self._queue.get_nowait()
            except queue.Empty:
                break
            if found is None:
                self._queue.put(None)
                break
            batch.append(found)
        return batch


def _settle(futures: Sequence["asyncio.Future[_Result]"], results: Sequence[_Result] | Exception) -> None:
    for number, future in enumerate(futures):
        if future.done():  # whoever waited has gone away
            continue
        if isinstance(results, Exception):
            future.set_exception(results)
        else:
            future.set_result(results[number])
