"""Claims: one at a time, and a holder that was paused finds out before it does harm."""

from typing import Any

import pytest

from leaderboard.config import Settings
from leaderboard.errors import Interrupted, StoreUnavailable
from leaderboard.services import Services
from leaderboard.store import keys
from leaderboard.store.connection import Store
from scheduler.lease import Claims, Lease
from tests.scheduler.conftest import Stopwatch


@pytest.fixture
def claims(services: Services, stopwatch: Stopwatch) -> Claims:
    return Claims(services.store, 60, stopwatch)


def take(claims: Claims, job_id: str) -> Lease:
    lease = claims.take(job_id)
    assert lease is not None
    return lease


def test_claims_exclude_each_other_until_given_back(claims: Claims, job_id: str) -> None:
    first = take(claims, job_id)
    assert claims.take(job_id) is None
    assert claims.holder(job_id) == first.token
    first.release()
    assert claims.holder(job_id) is None
    second = take(claims, job_id)
    assert second.token != first.token
    first.release()
    assert claims.holder(job_id) == second.token


def test_a_claim_is_renewed_when_a_third_of_it_has_passed(
    claims: Claims, services: Services, stopwatch: Stopwatch, job_id: str
) -> None:
    lease, client = take(claims, job_id), services.store.client
    assert 59_000 < client.pttl(keys.job(job_id)) <= 60_000
    client.pexpire(keys.job(job_id), 5_000)
    stopwatch.seconds += 19.9
    lease.checkpoint()
    assert client.pttl(keys.job(job_id)) <= 5_000
    stopwatch.seconds += 0.1
    lease.checkpoint()
    assert client.pttl(keys.job(job_id)) > 59_000
    for _ in range(10):
        stopwatch.seconds += 59.9
        lease.checkpoint()


def test_a_holder_that_was_paused_for_too_long_stops(claims: Claims, stopwatch: Stopwatch, job_id: str) -> None:
    lease = take(claims, job_id)
    stopwatch.seconds += 60
    for _ in range(2):
        with pytest.raises(Interrupted):
            lease.checkpoint()


@pytest.mark.parametrize("taken", [False, True])
def test_a_claim_that_expired_in_the_store_is_lost(
    claims: Claims, services: Services, stopwatch: Stopwatch, job_id: str, taken: bool
) -> None:
    lease = take(claims, job_id)
    services.store.client.delete(keys.job(job_id))
    other = take(claims, job_id) if taken else None
    stopwatch.seconds += 30
    with pytest.raises(Interrupted):
        lease.checkpoint()
    lease.release()
    assert claims.holder(job_id) == (other.token if other else None)


def test_a_checkpoint_ends_a_run_when_the_process_is_to_end(services: Services, job_id: str) -> None:
    asked: list[bool] = []
    lease = take(Claims(services.store, stopping=lambda: bool(asked)), job_id)
    lease.checkpoint()
    asked.append(True)
    with pytest.raises(Interrupted):
        lease.checkpoint()


def test_a_claim_whose_answer_was_lost_is_known_again(services: Services, job_id: str) -> None:
    class Forgetful:
        """Has done it before, and is asked to do it again."""

        def __getattr__(self, name: str) -> Any:
            return getattr(services.store.client, name)

        def set(self, *args: Any, **kwargs: Any) -> Any:
            services.store.client.set(*args, **kwargs)
            return services.store.client.set(*args, **kwargs)

    claims = Claims(Store(Forgetful()))  # type: ignore[arg-type]
    assert take(claims, job_id).token == claims.holder(job_id)
    assert claims.take(job_id) is None


def test_a_store_that_is_away_is_said_to_be() -> None:
    away = Claims(Store.connect(Settings(redis_retries=0), "unix:///nonexistent/valkey.sock"))
    with pytest.raises(StoreUnavailable):
        away.take("any")
    Lease(away, "key", "token", 0).release()
