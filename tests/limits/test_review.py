"""Nobody is locked out by somebody who has no right to write, by a clock, or by what a worker alone believes."""

import threading
from typing import Any

import pytest

from leaderboard.errors import DatabaseUnavailable, InvalidInput, StoreUnavailable
from leaderboard.games.limits import GameLimits
from leaderboard.limits.keeper import Keeper, Wish, _bucket_call, _call
from leaderboard.limits.models import Taken, model_of
from leaderboard.limits.permits import Permits
from leaderboard.limits.rules import Rule
from tests.conftest import Service
from tests.limits.conftest import START_MS, Tap, Workers, limit_of
from tests.limits.test_api import by_its_clock, limit, refused, send, standing  # noqa: F401 - a fixture

MINUTE = Rule("window", 100, 60, 100, "100/60s")


def test_who_may_not_write_takes_nobodys_tokens(service: Service) -> None:
    """Client keys are in every copy of a game."""
    service.put_board()
    limit(service, player_submissions="1/10s burst 2", daily_submissions="4/day")
    for _ in range(5):
        reply = send(service, "ada", key="client")
        assert (reply.status, standing(reply)) == (403, [None] * 4)
    assert [send(service, "ada").headers["RateLimit-Remaining"] for _ in range(2)] == ["1", "0"]


def test_items_that_nobody_may_write_take_nothing(service: Service) -> None:
    service.put_board()
    service.put_board("open", writes="client")
    limit(service, player_submissions="1/10s burst 2", daily_submissions="6/day")
    items = [{"board": board, "player": "ada", "score": 1} for board in ("b", "none", "b", "none", "a/b", "open")]
    report = service.request("POST", "/v1/scores", json={"scores": items}, key="client").json
    codes = ["forbidden", "unknown_board", "forbidden", "unknown_board", "unknown_board"]
    assert [one["code"] for one in report["rejected"]] == codes
    assert report["applied"] == 1
    assert send(service, "ada").headers["RateLimit-Remaining"] == "0"
    assert refused(send(service, "ada"), 10)


@pytest.mark.parametrize("back_ms", [1, 70, 5000])
def test_a_steady_client_does_not_notice_a_clock_set_back(tap: Tap, back_ms: int) -> None:
    """As when a replica takes over whose clock is a little behind."""
    limit, model, now = limit_of(MINUTE), model_of(MINUTE), START_MS
    for number in range(400):
        now += 700  # 86 a minute
        if number == 200:
            now -= 700 + back_ms
        call = _call(limit, 1, 0, str(now))
        answer = Taken(*map(int, tap.store.run(call.script, call.keys, call.args)))
        assert answer == model.take(1, now)
        assert answer.granted == 1, number


def test_the_wait_is_true_when_a_limit_was_lowered(tap: Tap) -> None:
    limit, now = limit_of(MINUTE), START_MS
    lower = limit._replace(rule=Rule("window", 5, 60, 5, "5/60s"))

    def ask(of: Any, at: int) -> Taken:
        call = _call(of, 1, 0, str(at))
        return Taken(*map(int, tap.store.run(call.script, call.keys, call.args)))

    model: Any = model_of(MINUTE)
    for _ in range(30):
        now += 1000
        assert ask(limit, now) == model.take(1, now)
    model._limit = 5
    said = ask(lower, now)
    assert said == model.take(1, now)
    assert said.granted == said.left == 0
    assert ask(lower, now + said.wait_ms - 1).granted == 0
    assert ask(lower, now + said.wait_ms).granted == 1


def test_a_worker_alone_sends_nobody_away_for_a_day(tap: Tap) -> None:
    """It asks the store again soon, which may have a lot left."""
    workers, limit = Workers(tap, 2), limit_of(Rule("day", 4, 86_400, 4, "4/day"))
    tap.is_away = True
    for _ in range(3):
        (grant,) = workers.keepers[0].take([Wish(limit, 1)])
    assert grant.refused.is_refused
    assert grant.refused.seconds <= 5
    tap.is_away = False
    workers.seconds += grant.refused.seconds
    assert workers.ask(0, limit) == 1


def test_nothing_written_is_no_limit(service: Service) -> None:
    """As of a variable that is empty in somebody's shell script."""
    limit(service, key_reads="5/s")
    with pytest.raises(InvalidInput):
        limit(service, key_reads=" ")
    assert service.services.limits.show(service.game).shown["key_reads"] == "5/s"


def test_threads_that_ask_at_once_do_not_hold_more_than_their_part(tap: Tap) -> None:
    rule = Rule("window", 20_000, 10, 20_000, "20000/10s")
    permits = Permits.of("key_reads", rule, 1)
    now, most, asking = 1000.0, 0, 0
    permits.used = 1000
    flying = []
    for number in range(40):
        now += 1e-5
        wanted, _ = permits.ask(1, now)
        flying.append(wanted)
        asking = sum(flying)
        most = max(most, permits.held + asking - len(flying))
        if number % 2:
            permits.settle(1, Taken(flying.pop(), 10_000, 0, 10_000), now)
    assert 0 < most <= rule.amount // 100


def test_nobody_but_one_waits_for_a_database_that_hangs(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [1000.0]
    limits = GameLimits(service.services.database, service.services.settings, lambda: seconds[0])
    limits.change(service.game, {"key_reads": "5/s"})
    rules = limits.of(service.game)
    began, go_on = threading.Event(), threading.Event()

    def hang(_game: str) -> Any:
        began.set()
        assert go_on.wait(20)
        raise DatabaseUnavailable("It hangs.")

    monkeypatch.setattr(limits, "show", hang)
    seconds[0] += 60
    one = threading.Thread(target=limits.of, args=(service.game,))
    one.start()
    assert began.wait(20)
    try:
        assert limits.of(service.game) == rules
    finally:
        go_on.set()
        one.join()
    assert limits.of(service.game) == rules


@pytest.mark.parametrize("rule", [MINUTE, Rule("bucket", 100, 60, 100, "100/60s")], ids=lambda rule: rule.kind)
def test_a_node_that_is_away_takes_only_its_own_limits_along(tap: Tap, rule: Rule) -> None:
    """Of eight workers one that is alone would let through an eighth of what the store would."""
    lost, well = limit_of(rule), limit_of(rule)
    seconds = [1000.0]

    class Torn(Tap):
        def run_all(self, calls: Any, **options: Any) -> Any:
            away = StoreUnavailable("The node is away.")
            there = [call for call in calls if call.keys[0] != lost.key]
            if not there:
                raise away
            answers = iter(super().run_all(there, **options))
            return [next(answers) if call in there else away for call in calls]

    torn: Any = Torn(tap.store)
    keeper = Keeper(torn, 8, lambda: START_MS, is_cluster=True, seconds=lambda: seconds[0])
    take = keeper.take if rule.kind == "window" else keeper.take_tokens
    for number in range(90):
        wishes = [Wish(well, 1)] if number % 3 else [Wish(well, 1), Wish(lost, 1)]
        if number % 7 == 0:
            take([Wish(lost, 1)])
        assert take(wishes)[0].granted == 1
        seconds[0] += 0.11
    assert take([Wish(lost, 1)])[0].granted == 0


def test_what_the_quota_refuses_takes_no_tokens(service: Service) -> None:
    """Who tries all evening has all of them at midnight."""
    service.put_board()
    limit(service, player_submissions="2/day burst 3", daily_submissions="1/day")
    assert send(service, "bob").status == 200
    for _ in range(5):
        assert refused(send(service, "ada"), 12 * 3600)
    items = [{"board": "b", "player": player, "score": 1} for player in ("ada", "eve", "ada", "ada")]
    assert service.bulk(items)["applied"] == 0
    limit(service, daily_submissions="100/day")
    assert [send(service, "ada").headers["RateLimit-Remaining"] for _ in range(3)] == ["2", "1", "0"]
    assert refused(send(service, "ada"), 12 * 3600)


@pytest.mark.parametrize("back", [1, 3, 9])
def test_tokens_that_are_given_back_do_not_make_a_bucket_overflow(tap: Tap, back: int) -> None:
    rule = Rule("bucket", 1, 10, 3, "")
    limit, model = limit_of(rule), model_of(rule)
    for wanted, after_ms in ((2, 0), (-back, 5), (0, 0), (4, 1), (-1, 0), (1, 20_000)):
        now = START_MS + after_ms
        call = _bucket_call([Wish(limit, wanted)], str(now))
        answer = Taken(*map(int, tap.store.run(call.script, call.keys, call.args)))
        assert answer == model.take(wanted, now)
        assert answer.left <= 3
