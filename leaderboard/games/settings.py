"""Settings of games: by which days and weeks a game counts, and who may send events.

The database is the truth of what was set. What fixes a game's calendar is where its events are: whoever records binds
it in the store before the first event, and a bound calendar stays, whatever the database says. Each process keeps
copies: of settings for `cache_seconds`, of bound calendars a minute, should the store have lost what it had.

Binding and changing take turns under a lock, whose holder may be held up for longer than the lock lasts. So a calendar
is bound by a script that asks for the lock's token; and a change, once it is written, looks whether it still has the
lock and nothing else is bound, else it is taken back. What is written replaces only what was read.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa
import structlog
from marshmallow import EXCLUDE, ValidationError, validate

from leaderboard import jsontext
from leaderboard.archive.database import Database
from leaderboard.archive.tables import games
from leaderboard.errors import Conflict, InvalidInput, LeaderboardError, NotFound, StoreUnavailable, Unavailable
from leaderboard.fields import Flag, Strict, Text, flatten
from leaderboard.store import stat_keys as names
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.locks import lock

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CALENDAR: Final = ("time_zone", "week_start", "day_start")
_BOUND_SECONDS = 60.0
_MOST_CACHED = 50_000
_log = structlog.get_logger(__name__)
_Calendar = TypeVar("_Calendar")
_T = TypeVar("_T")


class GameSchema(Strict):
    """A game's settings, as `PUT /game` takes them; what is left out has its default."""

    name = Text(metadata={"description": "That of the key's game, or left out."})
    time_zone = Text(load_default="UTC", validate=validate.Length(1, 64), metadata={"description": "An IANA name."})
    week_start = Text(load_default="monday", validate=validate.OneOf(WEEKDAYS))
    day_start = Text(load_default="00:00", validate=validate.Regexp(r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z"))
    client_events = Flag(load_default=False, metadata={"description": "Client keys may send counters and events."})


@dataclass(frozen=True, slots=True)
class GameSettings:
    """What an operator may choose for a game."""

    time_zone: str = "UTC"
    week_start: str = "monday"
    day_start: str = "00:00"
    client_events: bool = False

    @property
    def calendar(self) -> str:
        """Its calendar, as the store keeps it."""
        return " ".join(_arguments(self))

    def counted_by(self, calendar: str | None) -> "GameSettings":
        """The same with that calendar, if there is one. Raises Unavailable."""
        return self if calendar is None else GameSettings(*_parts(calendar), self.client_events)

    def shown(self, game: str) -> dict[str, Any]:
        """The game as the API shows it."""
        return {"name": game, **asdict(self)}

    def dump(self) -> str:
        """The settings as the database keeps them."""
        return jsontext.dumps(asdict(self)).decode()


class Games(Generic[_Calendar]):
    """The settings of all games, and the calendars that follow from them."""

    def __init__(
        self,
        store: Store,
        database: Database,
        make_calendar: Callable[[str, str, str], _Calendar],
        cache_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`make_calendar` takes a time zone, a weekday and "HH:MM"; ValueError, with the reason, for what is none."""
        self._store = store
        self._database = database
        self._make_calendar = make_calendar
        self._cache_seconds = cache_seconds
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, GameSettings]] = {}
        self._calendars: dict[str, tuple[float, _Calendar]] = {}
        self._changes = 0  # made here: what was read before one is not to be kept after it
        self._keeping = threading.Lock()

    def settings_of(self, game: str) -> GameSettings:
        """What was set, at most `cache_seconds` ago; a game with events may count by another calendar (`show`).

        Settings that cannot be read are the defaults. Raises DatabaseUnavailable.
        """
        until, settings = self._cached.get(game, (0.0, None))
        if settings is None or self._monotonic() >= until:
            changes = self._changes
            settings = self._settings(game, self._text(game))
            with self._keeping:
                if self._changes == changes:
                    self._keep(self._cached, game, settings, self._cache_seconds)
        return settings

    def calendar_of(self, game: str) -> _Calendar:
        """By which calendar the game counts: the one that is bound, else the one that is set. Raises Unavailable."""
        return self._bound_calendar(game) or self._make_calendar(*_arguments(self.settings_of(game)))

    def bind(self, game: str) -> _Calendar:
        """The calendar that the game's events are to be recorded by, from now on for ever. Raises Unavailable.

        Settings that cannot be read are bound by nobody: what is recorded by a wrong calendar stays wrong.
        """
        if (calendar := self._bound_calendar(game)) is not None:
            return calendar
        with lock(self._store, names.calendar_lock(game)) as token:
            settings = self._parse(self._text(game))
            if settings is None:
                raise Unavailable(f"The settings of {game!r} cannot be read; set them anew.", code="broken_settings")
            spelled = [names.calendar(game), names.calendar_lock(game)]
            bound = self._store.run("game_bind", spelled, [token, settings.calendar])
        if bound is None:
            raise StoreUnavailable("It took too long to bind the game's calendar; try again.")
        return self._bound(game, as_text(bound))

    def show(self, game: str) -> GameSettings:
        """What is in effect now. Raises Unavailable."""
        return self._in_effect(game, self._text(game), self._look(game)[0])

    def all(self) -> dict[str, GameSettings]:
        """What is in effect in every game, by name. Raises Unavailable."""
        with self._database.begin() as connection:
            rows = connection.execute(sa.select(games.c.name, games.c.settings).order_by(games.c.name)).all()
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            for row in rows:
                pipeline.get(names.calendar(row.name))
            bound = dict(zip((row.name for row in rows), pipeline.execute(), strict=True))
        found = {row.name: self._settings(row.name, row.settings) for row in rows}
        for name, calendar in bound.items():
            with suppress(Unavailable):  # a calendar that nobody can read is that game's trouble alone
                found[name] = found[name].counted_by(calendar and as_text(calendar))
        return found

    def put(self, game: str, document: Any) -> GameSettings:
        """Replaces all settings by those of a document. Raises InvalidInput, Conflict (`cannot_change`), NotFound."""
        wanted = self._checked(game, document)
        return self._replace(game, lambda _: wanted)

    def change(self, game: str, changes: Mapping[str, Any]) -> GameSettings:
        """Replaces only the settings that are named. Raises as `put`."""
        return self._replace(game, lambda settings: self._checked(game, {**asdict(settings), **changes}))

    def _replace(self, game: str, wanted_of: Callable[[GameSettings], GameSettings]) -> GameSettings:
        """Replaces what is in effect. Where it raises, what it had written is taken back."""
        changed = None
        try:
            with lock(self._store, names.calendar_lock(game)) as token:
                changed = self._change_locked(game, wanted_of, token)
        except StoreUnavailable:
            if changed is None:  # else it is done, and only the lock was not given back
                raise
        finally:
            with self._keeping:
                self._changes += 1
                self._cached.pop(game, None)
                self._calendars.pop(game, None)
        if changed is None:
            raise NotFound(f"There is no game {game!r}.", code="unknown_game")
        return changed

    def _change_locked(
        self, game: str, wanted_of: Callable[[GameSettings], GameSettings], token: str
    ) -> GameSettings | None:
        old = self._text(game)
        if old is None:
            return None
        bound, _ = self._look(game)
        wanted = wanted_of(self._in_effect(game, old, bound))
        _require_same(wanted, bound)
        self._write(game, old, wanted, token)
        return wanted

    def _write(self, game: str, old: str, wanted: GameSettings, token: str) -> None:
        new = wanted.dump()
        if not self._swap(game, old, new):
            raise StoreUnavailable("Somebody else is changing the game; try again.")
        try:
            bound, holder = self._look(game)
            _require_same(wanted, bound)
            if bound is None and holder != token:  # an older calendar may be about to be bound
                raise StoreUnavailable("It took too long to change the game; try again.")
        except LeaderboardError:
            self._swap(game, new, old)
            raise

    def _checked(self, game: str, document: Any) -> GameSettings:
        try:
            data = GameSchema().load(document)
            wrong = {}
            if data.pop("name", game) != game:
                wrong["name"] = [f"The key is of the game {game!r}."]
            for field in _CALENDAR:
                try:
                    self._make_calendar(*_arguments(replace(GameSettings(), **{field: data[field]})))
                except ValueError as error:
                    wrong[field] = [str(error)]
        except ValidationError as error:
            wrong = flatten(error.messages)
        if wrong:
            raise InvalidInput("The game's settings are not acceptable.", fields=wrong)
        return GameSettings(**data)

    def _in_effect(self, game: str, text: str | None, bound: str | None) -> GameSettings:
        return self._settings(game, text).counted_by(bound)

    def _settings(self, game: str, text: str | None) -> GameSettings:
        settings = self._parse(text)
        if settings is None:
            _log.warning("settings cannot be read, taking the defaults", game=game, settings=text)
        return settings or GameSettings()

    def _parse(self, text: str | None) -> GameSettings | None:
        """The settings that the database keeps, the defaults for a game it does not have; None if they are broken."""
        try:
            # A later version may have settings that this one does not know.
            data = GameSchema(unknown=EXCLUDE, exclude=("name",)).load(jsontext.loads(text or "{}"))
            settings = GameSettings(**data)
            self._make_calendar(*_arguments(settings))
        except (LeaderboardError, ValidationError, ValueError):
            return None
        return settings

    def _bound_calendar(self, game: str) -> _Calendar | None:
        until, calendar = self._calendars.get(game, (0.0, None))
        if calendar is None or self._monotonic() >= until:
            bound, _ = self._look(game)
            calendar = None if bound is None else self._bound(game, bound)
        return calendar

    def _bound(self, game: str, text: str) -> _Calendar:
        """The calendar that the store has."""
        try:
            calendar = self._make_calendar(*_parts(text))
        except ValueError as error:  # bound by a process with newer time zones
            raise Unavailable(f"The game's calendar is not known here: {error}.", code="unknown_calendar") from error
        return self._keep(self._calendars, game, calendar, _BOUND_SECONDS)

    def _look(self, game: str) -> tuple[str | None, str | None]:
        """The calendar that is bound, and the token of whoever has the lock."""
        with translated():
            found = self._store.client.mget(names.calendar(game), names.calendar_lock(game))
        bound, holder = (None if one is None else as_text(one) for one in found)
        return bound, holder

    def _keep(self, where: dict[str, tuple[float, _T]], game: str, what: _T, seconds: float) -> _T:
        if len(where) >= _MOST_CACHED:
            where.clear()
        where[game] = (self._monotonic() + seconds, what)
        return what

    def _text(self, game: str) -> str | None:
        with self._database.begin() as connection:
            return connection.execute(sa.select(games.c.settings).where(games.c.name == game)).scalar()

    def _swap(self, game: str, old: str, new: str) -> bool:
        """Writes the settings, if they are still the old ones."""
        where = (games.c.name == game, games.c.settings == old)
        with self._database.begin() as connection:
            return connection.execute(sa.update(games).where(*where).values(settings=new)).rowcount == 1


def _require_same(wanted: GameSettings, bound: str | None) -> None:
    """Raises Conflict if another calendar is bound."""
    kept = wanted.counted_by(bound)
    differing = [field for field in _CALENDAR if getattr(kept, field) != getattr(wanted, field)]
    if differing:
        raise Conflict(f"The game has events already, so {', '.join(differing)} cannot change.", code="cannot_change")


def _arguments(settings: GameSettings) -> tuple[str, str, str]:
    """The calendar that was set, as one is made."""
    return settings.time_zone, settings.week_start, settings.day_start


def _parts(calendar: str) -> tuple[str, str, str]:
    """The time zone, weekday and time of day of a calendar. Raises Unavailable for what is none."""
    parts = calendar.split(" ")
    if len(parts) != 3:
        raise Unavailable(f"{calendar!r} is no calendar.", code="unknown_calendar")
    return parts[0], parts[1], parts[2]
