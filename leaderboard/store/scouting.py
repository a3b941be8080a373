"""Finds out about the nodes of a Cluster in a thread of its own, for who has a request to answer does not wait for it:

who has which slots, where that seems to have changed; and when a node answers again that let somebody wait in vain.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException

_PAUSE_SECONDS = 0.1


class Scout:
    """Looks round while somebody wants it to, or a node hangs."""

    def __init__(self, client: Callable[[], RedisCluster]) -> None:
        """`client` as of `Clustered`."""
        self._client = client
        self._guard = threading.Lock()
        self._hanging: frozenset[str] = frozenset()
        self._is_wanted = False
        self._is_out = False
        self._is_closed = False

    def is_hanging(self, name: str) -> bool:
        """Whether nobody is to wait for that node."""
        return name in self._hanging

    def look_round(self, late: str | None = None) -> None:
        """Sends it out; `late`: a node that did not answer in time."""
        with self._guard:
            self._is_wanted = True
            if late is not None:
                self._hanging |= {late}
            if self._is_out or self._is_closed:
                return
            self._is_out = True
        try:
            threading.Thread(target=self._run, name="scout", daemon=True).start()
        except RuntimeError:  # no more threads: the next one sends it
            self._come_home()

    def close(self) -> None:
        """Has it come home."""
        self._is_closed = True

    def _run(self) -> None:
        try:
            while self._goes_on():
                with suppress(redis.RedisError, RedisClusterException, OSError):  # what was known goes on being used
                    self._client().nodes_manager.initialize()
                for name in self._hanging:
                    if self._is_back(name):
                        with self._guard:
                            self._hanging -= {name}
                time.sleep(_PAUSE_SECONDS)
        except BaseException:
            self._come_home()
            raise

    def _goes_on(self) -> bool:
        with self._guard:
            goes_on = (self._is_wanted or bool(self._hanging)) and not self._is_closed
            self._is_wanted, self._is_out = False, goes_on
            return goes_on

    def _come_home(self) -> None:
        with self._guard:
            self._hanging, self._is_out = frozenset(), False

    def _is_back(self, name: str) -> bool:
        """Whether a node answers anything, or refuses, or belongs to the Cluster no more."""
        try:
            client = self._client()
            node = client.nodes_manager.get_node(node_name=name)
            if node is not None:
                client.get_redis_connection(node).ping()
        except redis.TimeoutError:
            return False
        except (redis.RedisError, RedisClusterException, OSError):
            return True
        return True
