"""Settings of games: what is taken, what is in effect, and that a game with events keeps its calendar whoever races."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from leaderboard.archive.database import Database
from leaderboard.archive.tables import games as table
from leaderboard.boards.periods import Calendar
from leaderboard.errors import Conflict, DatabaseUnavailable, InvalidInput, NotFound, StoreUnavailable, Unavailable
from leaderboard.games.settings import Games, GameSettings
from leaderboard.store import locks
from leaderboard.store import stat_keys as names
from leaderboard.store.clients import of_memory
from leaderboard.store.connection import Store
from tests.conftest import Service
from tests.periods.turns import Turns

CACHE_SECONDS = 1.5
DEFAULTS = {"time_zone": "UTC", "week_start": "monday", "day_start": "00:00", "client_events": False}
VIENNA = {"time_zone": "Europe/Vienna", "week_start": "sunday", "day_start": "04:30", "client_events": True}
NO_LIMITS = {"limits": {"player_submissions": None, "key_reads": None, "daily_submissions": None}}
IN_VIENNA = Calendar("Europe/Vienna", "sunday", "04:30")
APIA = {"time_zone": "Pacific/Apia"}
Hook = Callable[[str], None]


def ignore(_what: str) -> None:
    """Nobody does anything meanwhile."""


class Client:
    """A client that tells of each command before it is sent."""

    def __init__(self, client: Any, process: "Process") -> None:
        self._client = client
        self._process = process

    def __getattr__(self, name: str) -> Any:
        def send(*args: Any, **kwargs: Any) -> Any:
            self._process.hook(str(args[0]).lower() if name == "execute_command" else name)
            return getattr(self._client, name)(*args, **kwargs)

        return send


@dataclass
class Process:
    """Another process over the same stores: its own copies, its own clock; `hook` is called before each step."""

    service: Service
    hook: Hook = ignore
    at: float = 1000.0
    games: Games[Calendar] = field(init=False)

    def __post_init__(self) -> None:
        store = self.service.services.store
        hooked = Store(of_memory(Client(store.client, self)), in_memory=store._in_memory)  # type: ignore[arg-type]
        self.games = Games(hooked, self, Calendar, CACHE_SECONDS, lambda: self.at)  # type: ignore[arg-type]

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        self.hook("begin")
        with self.service.services.database.begin() as connection:
            yield connection


@pytest.fixture
def process(service: Service) -> Process:
    return Process(service)


def database_of(service: Service) -> Database:
    return service.services.database


def stored(service: Service) -> Any:
    """What the database has."""
    with database_of(service).begin() as connection:
        text = connection.execute(sa.select(table.c.settings).where(table.c.name == service.game)).scalar()
    return json.loads(text or "")


def store_text(service: Service, text: str) -> None:
    with database_of(service).begin() as connection:
        connection.execute(sa.update(table).where(table.c.name == service.game).values(settings=text))


def bound(service: Service) -> str | None:
    found = service.services.store.client.get(names.calendar(service.game))
    return None if found is None else found.decode()


def lose_lock(service: Service) -> None:
    """As its lifetime does, if its holder is held up for so long."""
    service.services.store.client.delete(names.calendar_lock(service.game))


def put(service: Service, document: Any, **more: Any) -> Any:
    return service.request("PUT", "/v1/game", json=document, **more)


# --- what the API takes and answers ------------------------------------------------------------------


def test_put_replaces_everything_but_the_name(service: Service) -> None:
    whole = {"name": service.game, **NO_LIMITS, **VIENNA}
    assert service.get("/game", key="client") == {"name": service.game, **NO_LIMITS, **DEFAULTS}
    for document, wanted in (
        (whole, whole),
        ({"day_start": "23:59"}, {"name": service.game, **NO_LIMITS, **DEFAULTS, "day_start": "23:59"}),
        ({}, {"name": service.game, **NO_LIMITS, **DEFAULTS}),
    ):
        reply = put(service, document)
        assert (reply.status, reply.json) == (200, wanted)
        assert service.get("/game", key="client") == service.get("/game") == wanted


def test_who_may(service: Service) -> None:
    assert put(service, {}, key="client").status == 403
    assert put(service, {}, key=None).status == 401
    other = Service(service.app, service.clock)
    other.new_game()
    put(service, VIENNA)
    assert other.get("/game") == {"name": other.game, **NO_LIMITS, **DEFAULTS}


@pytest.mark.parametrize("store_url", ["memory"], indirect=True)  # the store is not asked
@pytest.mark.parametrize(
    ("document", "at_fault"),
    [
        *(
            ({"time_zone": zone}, {"time_zone"})
            for zone in ("europe/vienna", "Europe/Vienna ", "", "+01:00", "localtime")
        ),
        *(({"time_zone": zone}, {"time_zone"}) for zone in ("../etc/passwd", "UTC monday 00:00", "\x00", "x" * 65)),
        *(({"time_zone": zone}, {"time_zone"}) for zone in (5, None, True, ["UTC"])),
        *(({"week_start": day}, {"week_start"}) for day in ("Monday", "mon", "", 1, None)),
        *(({"day_start": at}, {"day_start"}) for at in ("24:00", "4:30", "04:30:00", "04:30\n", "0４:30", "", 430)),
        *(({"client_events": value}, {"client_events"}) for value in ("true", 1, 0, None)),
        *(({"name": name}, {"name"}) for name in ("another", "", None)),
        ({"colour": "red"}, {"colour"}),
        ({"time_zone": "Mars/Base", "name": "another"}, {"name", "time_zone"}),
        ({"week_start": "x", "day_start": "x"}, {"week_start", "day_start"}),
        ([], {"_body"}),
        (None, {"_body"}),
    ],
)
def test_what_is_not_acceptable(service: Service, document: Any, at_fault: set[str]) -> None:
    reply = put(service, None, data=json.dumps(document), headers={"Content-Type": "application/json"})
    assert (reply.status, reply.json["code"]) == (422, "validation_error")
    if at_fault != {"_body"}:
        assert reply.json["errors"].keys() == at_fault
    assert stored(service) == {}


def test_the_field_at_fault_is_told_whatever_the_calendar_refuses(service: Service) -> None:
    def strict(time_zone: str, week_start: str, day_start: str) -> Calendar:
        if week_start == "sunday" or day_start == "23:59":
            raise ValueError("No.")
        return Calendar(time_zone, week_start, day_start)

    games = Games(service.services.store, service.services.database, strict, 1)
    with pytest.raises(InvalidInput) as caught:
        games.put(service.game, {"week_start": "sunday", "day_start": "23:59"})
    assert caught.value.fields == {"week_start": ["No."], "day_start": ["No."]}


def test_a_game_with_events_keeps_its_calendar(service: Service, process: Process) -> None:
    put(service, VIENNA)
    assert service.services.games.bind(service.game) == process.games.bind(service.game) == IN_VIENNA
    assert bound(service) == "Europe/Vienna sunday 04:30"
    assert service.services.store.client.ttl(names.calendar(service.game)) == -1
    for change in ({"time_zone": "UTC"}, {"week_start": "monday"}, {"day_start": "04:31"}):
        reply = put(service, {**VIENNA, **change})
        assert (reply.status, reply.json["code"]) == (409, "cannot_change")
        assert next(iter(change)) in reply.json["detail"]
    steps: list[str] = []
    process.hook = steps.append
    with pytest.raises(Conflict):
        process.games.put(service.game, APIA)
    assert steps == ["set", "begin", "mget", "evalsha"]  # nothing was written that others might have seen
    assert put(service, {"client_events": False}).status == 409  # what is left out gets its default
    assert stored(service) == VIENNA
    closed = {**VIENNA, "client_events": False}
    assert put(service, closed).json == {"name": service.game, **NO_LIMITS, **closed} == service.get("/game")
    assert service.services.calendar_of(service.game) == IN_VIENNA


# --- what is in effect -------------------------------------------------------------------------------


def test_a_bound_calendar_is_in_effect_whatever_the_database_says(service: Service, process: Process) -> None:
    process.games.bind(service.game)
    store_text(service, json.dumps(VIENNA))
    utc = {**VIENNA, "time_zone": "UTC", "week_start": "monday", "day_start": "00:00"}
    assert service.get("/game") == {"name": service.game, **NO_LIMITS, **utc}
    assert service.services.games.all()[service.game] == GameSettings(**utc)
    assert service.services.calendar_of(service.game) == Process(service).games.bind(service.game) == Calendar()
    assert put(service, VIENNA).status == 409
    assert process.games.change(service.game, {"client_events": False}) == GameSettings()
    assert stored(service) == DEFAULTS  # and the two are one again


def test_change_touches_only_what_is_named(service: Service, process: Process) -> None:
    games = process.games
    assert games.change(service.game, {"time_zone": "Europe/Vienna"}).time_zone == "Europe/Vienna"
    assert games.change(service.game, {"client_events": True}) == GameSettings("Europe/Vienna", client_events=True)
    with pytest.raises(InvalidInput):
        games.change(service.game, {"time_zone": "Mars/Base"})
    for act in (games.put, games.change):
        with pytest.raises(NotFound):
            act("no-such-game", {})


def test_what_is_known_is_not_asked_again(service: Service, process: Process) -> None:
    put(service, VIENNA)
    assert process.games.settings_of(service.game) == GameSettings(**VIENNA)
    assert process.games.bind(service.game) == IN_VIENNA

    def fail(what: str) -> None:
        raise AssertionError(what)

    process.hook = fail
    process.at += CACHE_SECONDS - 0.1
    for _ in range(3):
        assert process.games.settings_of(service.game) == GameSettings(**VIENNA)
        assert process.games.bind(service.game) == process.games.calendar_of(service.game) == IN_VIENNA


def test_a_change_is_known_here_at_once_and_elsewhere_soon(service: Service, process: Process) -> None:
    there = Process(service)
    for games in (process.games, there.games):
        assert games.settings_of(service.game) == GameSettings()
    process.games.put(service.game, VIENNA)
    assert process.games.settings_of(service.game) == GameSettings(**VIENNA)
    assert process.games.calendar_of(service.game) == IN_VIENNA
    assert there.games.settings_of(service.game) == GameSettings()  # its copy is still young
    there.at += CACHE_SECONDS
    assert there.games.settings_of(service.game) == GameSettings(**VIENNA)
    assert there.games.calendar_of(service.game) == IN_VIENNA


def test_what_was_read_before_a_change_is_not_kept_after_it(service: Service, process: Process) -> None:
    read = process.games._text

    def and_then(game: str) -> str | None:
        found = read(game)
        process.games._text = read  # type: ignore[method-assign]
        process.games.put(game, VIENNA)
        return found

    process.games._text = and_then  # type: ignore[method-assign]
    process.games.settings_of(service.game)
    assert process.games.settings_of(service.game) == GameSettings(**VIENNA)


def test_another_process_learns_of_a_binding_at_once(service: Service, process: Process) -> None:
    """A roll-up that found events must not go by an older copy of the settings."""
    assert process.games.calendar_of(service.game) == Calendar()
    there = Process(service)
    there.games.put(service.game, VIENNA)
    there.games.bind(service.game)
    assert process.games.calendar_of(service.game) == IN_VIENNA


def test_a_store_that_lost_what_it_had_is_noticed(service: Service, process: Process) -> None:
    process.games.bind(service.game)
    service.services.store.client.delete(names.calendar(service.game))
    assert put(service, VIENNA).status == 200
    process.at += 60
    assert process.games.bind(service.game) == IN_VIENNA
    assert bound(service) == "Europe/Vienna sunday 04:30"


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", "null", '{"time_zone": "Mars/Base"}', '{"client_events": "yes"}', '{"day_start": 4}']
)
def test_broken_settings_are_the_defaults_and_bind_nobody(service: Service, process: Process, text: str) -> None:
    store_text(service, text)
    with capture_logs() as logs:
        assert process.games.settings_of(service.game) == GameSettings()
    assert [(entry["log_level"], entry["game"], entry["settings"]) for entry in logs] == [
        ("warning", service.game, text)
    ]
    assert process.games.calendar_of(service.game) == Calendar()
    assert service.get("/game") == {"name": service.game, **NO_LIMITS, **DEFAULTS}
    with pytest.raises(Unavailable):
        process.games.bind(service.game)
    assert bound(service) is None
    put(service, VIENNA)
    assert process.games.bind(service.game) == IN_VIENNA


def test_settings_of_a_later_version_are_understood(service: Service, process: Process) -> None:
    store_text(service, json.dumps({**VIENNA, "name": "x", "colour": "red"}))
    assert process.games.settings_of(service.game) == GameSettings(**VIENNA)
    assert process.games.bind(service.game) == IN_VIENNA


@pytest.mark.parametrize("text", ["Mars/Base monday 00:00", "nonsense"])
def test_a_calendar_that_is_not_known_here_stops_whoever_counts_by_it(
    service: Service, process: Process, text: str
) -> None:
    service.services.store.client.set(names.calendar(service.game), text)
    for act in (process.games.bind, process.games.calendar_of):
        with pytest.raises(Unavailable):
            act(service.game)


def test_a_game_that_the_database_lacks_counts_in_utc(process: Process) -> None:
    assert process.games.calendar_of("no-such-game") == Calendar()


# --- faults and races --------------------------------------------------------------------------------


@pytest.mark.parametrize("stays_away", [False, True])
def test_a_change_that_fails_has_changed_nothing(service: Service, process: Process, stays_away: bool) -> None:
    for step in range(1, 20):
        steps: list[str] = []

        def fail(what: str, step: int = step, steps: list[str] = steps) -> None:
            steps.append(what)
            if len(steps) == step or (stays_away and len(steps) > step and what == steps[step - 1]):
                raise DatabaseUnavailable("away") if what == "begin" else StoreUnavailable("away")

        process.hook = fail
        lose_lock(service)
        try:
            process.games.put(service.game, VIENNA)
        except Unavailable:
            assert stored(service) == {}
        else:
            break
    assert steps == ["set", "begin", "mget", "begin", "mget", "evalsha"]  # it is done; only the lock was not given back
    assert stored(service) == VIENNA


@dataclass
class Meanwhile:
    """Does something once, before the n-th step of that kind."""

    kind: str
    number: int
    act: Callable[[], object]

    def __call__(self, what: str) -> None:
        if what == self.kind:
            self.number -= 1
            if self.number == 0:
                self.act()


def test_a_recorder_that_was_held_up_binds_no_old_calendar(service: Service, process: Process) -> None:
    def change() -> None:
        lose_lock(service)
        assert put(service, VIENNA).status == 200

    process.hook = Meanwhile("evalsha", 1, change)  # between its look at the database and its binding
    with pytest.raises(Unavailable):
        process.games.bind(service.game)
    assert bound(service) is None
    assert process.games.bind(service.game) == IN_VIENNA


def test_a_change_that_was_held_up_is_taken_back_where_events_came(service: Service, process: Process) -> None:
    other = Process(service)

    def record() -> None:
        lose_lock(service)
        other.games.bind(service.game)

    process.hook = Meanwhile("begin", 2, record)  # between its look at the store and its writing
    with pytest.raises(Conflict) as caught:
        process.games.put(service.game, VIENNA)
    assert caught.value.code == "cannot_change"
    assert service.get("/game") == {"name": service.game, **NO_LIMITS, **DEFAULTS}
    assert stored(service) == {}
    assert not process.games.settings_of(service.game).client_events


def test_a_change_that_was_held_up_gives_way_to_a_recorder_that_is_about_to_bind(
    service: Service, process: Process
) -> None:
    store, spelled = service.services.store, [names.calendar(service.game), names.calendar_lock(service.game)]
    process.hook = Meanwhile("begin", 2, lambda: store.client.set(spelled[1], "the recorder's"))
    with pytest.raises(Unavailable):
        process.games.put(service.game, VIENNA)
    assert stored(service) == {}
    store.run("game_bind", spelled, ["the recorder's", "UTC monday 00:00"])
    assert service.get("/game") == {"name": service.game, **NO_LIMITS, **DEFAULTS}


def test_a_change_overwrites_no_other_that_it_has_not_seen(service: Service, process: Process) -> None:
    def change() -> None:
        lose_lock(service)
        assert put(service, APIA).status == 200

    process.hook = Meanwhile("begin", 2, change)
    with pytest.raises(Unavailable):
        process.games.put(service.game, VIENNA)
    assert service.get("/game") == {"name": service.game, **NO_LIMITS, **DEFAULTS, **APIA}


@pytest.mark.parametrize("seed", range(40))
def test_changes_and_recorders_in_any_order(service: Service, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Whoever is told "done" or "cannot be changed" was told the truth, also where locks run out at the worst time."""
    chance = Random(seed)
    turns = Turns(chance)
    waiting = partial(locks.lock, wait_seconds=1, sleep=lambda _: turns.switch("wait"))
    monkeypatch.setattr("leaderboard.games.settings.lock", waiting)
    wanted = {"vienna": IN_VIENNA, "apia": Calendar("Pacific/Apia")}
    recorded: list[Calendar] = []
    risk = chance.choice((0.0, 0.1, 0.3))

    def step(_what: str) -> None:
        turns.switch()
        if chance.random() < risk:  # held up for longer than a lock lasts
            lose_lock(service)
            for _ in range(chance.randrange(40)):
                turns.switch()

    def record() -> None:
        for _ in range(5):
            with suppress(Unavailable):
                recorded.append(Process(service, step).games.bind(service.game))

    def change(document: dict[str, Any]) -> None:
        Process(service, step).games.put(service.game, document)

    works: dict[str, Callable[[], object]] = {"vienna": partial(change, VIENNA), "apia": partial(change, APIA)}
    works |= dict.fromkeys(chance.choice((["one"], ["one", "two"])), record)
    errors = turns.run(works)
    assert all(error is None or isinstance(error, Unavailable | Conflict) for error in errors.values())
    in_force = service.services.games.bind(service.game)
    assert all(calendar == in_force for calendar in recorded)
    done = [wanted[name] for name in wanted if errors[name] is None]
    refused = [wanted[name] for name in wanted if isinstance(errors[name], Conflict)]
    away = [wanted[name] for name in wanted if isinstance(errors[name], Unavailable)]
    assert in_force not in refused
    assert in_force in ([*done, *away] if done else [Calendar(), *away])
    if not risk:
        assert GameSettings(**stored(service)).calendar == bound(service)
