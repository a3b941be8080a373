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


class Combiner(Generic[_Job, _Result]):
    """Hands jobs from an event loop to `work`, as many at a time as there are; one result each, in order."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[Sequence[_Job]], Sequence[_Result]],
        name: str,
        most: int,
        *,
        is_for_all: Callable[[_Result], bool] = lambda _: False,
        limit: int = 1_000_000,
    ) -> None:
        """`most`: jobs in a batch; `limit`: that may wait.

        `is_for_all`: whether a result, where all of a batch have such, is also that of those who waited meanwhile. The
        store being away is: to find that out takes as long as its timeouts.
        """
        self.jobs = 0  # since it began
        self.batches = 0
        self._loop = loop
        self._work = work
        self._most = most
        self._is_for_all = is_for_all
        self._limit = limit
        self._is_closed = False
        self._queue: queue.SimpleQueue[tuple[_Job, asyncio.Future[_Result]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether as many wait as may."""
        return self._queue.qsize() >= self._limit

    def put(self, job: _Job) -> "asyncio.Future[_Result]":
        """The result of a job; what `work` raises is raised for all of its batch.

        To be called in the loop. Raises RuntimeError once it is closed.
        """
        if self._is_closed:
            raise RuntimeError("The worker ends.")
        future: asyncio.Future[_Result] = self._loop.create_future()
        self._queue.put((job, future))
        return future

    def close(self) -> None:
        """Waits for what was put in."""
        self._is_closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._gather(self._most)
            if not batch:
                continue
            self.jobs += len(batch)
            self.batches += 1
            results = self._results([job for job, _ in batch])
            if not isinstance(results, Exception) and all(map(self._is_for_all, results)):
                others, is_open = self._take(self._queue.qsize()) if is_open else ([], False)
                batch += others
                results = [*results, *[results[0]] * len(others)]
            self._loop.call_soon_threadsafe(_settle, [future for _, future in batch], results)

    def _results(self, jobs: Sequence[_Job]) -> Sequence[_Result] | Exception:
        try:
            results = self._work(jobs)
        except Exception as error:  # noqa: BLE001 - it is handed to whoever waits
            return error if not isinstance(error, StopIteration) else RuntimeError(repr(error))
        except BaseException as error:  # noqa: BLE001 - the same, and the thread goes on
            return RuntimeError(repr(error))
        if len(results) != len(jobs):
            return RuntimeError(f"{len(jobs)} jobs have {len(results)} results.")
        return results

    def _gather(self, most: int) -> "tuple[list[tuple[_Job, asyncio.Future[_Result]]], bool]":
        """Waits for a job, and takes what is there by then; False at the end."""
        first = self._queue.get()
        if first is None:
            return [], False
        others, is_open = self._take(most - 1)
        return [first, *others], is_open

    def _take(self, most: int) -> "tuple[list[tuple[_Job, asyncio.Future[_Result]]], bool]":
        found: list[tuple[_Job, asyncio.Future[_Result]]] = []
        while len(found) < most:
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                break
            if one is None:
                return found, False
            found.append(one)
        return found, True


def _settle(futures: Sequence["asyncio.Future[_Result]"], results: Sequence[_Result] | Exception) -> None:
    for number, future in enumerate(futures):
        if future.done():  # whoever waited has gone away
            continue
        if isinstance(results, Exception):
            future.set_exception(results)
        else:
            future.set_result(results[number])
