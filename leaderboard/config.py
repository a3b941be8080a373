"""All settings, read from the environment once and never changed afterwards.

Every field is also an environment variable, `LEADERBOARD_` and its name in capitals.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from leaderboard.errors import ConfigError

PREFIX = "LEADERBOARD_"
_MOST_CHUNK_ITEMS = 2000
_SHORTEST_SECRET = 24
_REDIS_SCHEMES = (
    "redis",
    "rediss",
    "unix",
    *(f"redis{s}+{kind}" for s in ("", "s") for kind in ("sentinel", "cluster")),
)
_ARCHIVED_NAMES = ("hour", "day", "week", "month", "year")
_DAYS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_DATABASE_SCHEMES = ("sqlite", "postgresql+psycopg", "postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator may choose. Times in the unit that the name ends in."""

    data_dir: Path = Path("data")
    redis_url: str | None = None  # None: a private store in the data folder; "memory": fakeredis in this process
    database_url: str | None = None  # None: SQLite in the data folder
    redis_timeout_seconds: float = 2.0
    redis_connect_timeout_seconds: float = 1.0
    redis_retries: int = 2
    redis_pool_size: int = 64
    wait_replicas: int = 0  # which must have a write before it is answered; 0: none is waited for
    wait_timeout_ms: int = 1000  # for them; then 503, and the client sends again with its Idempotency-Key
    key_cache_seconds: float = 1.5  # in a process, and as long again in the store: together under 5 s
    idempotency_hours: int = 24
    stats_hours_kept: int = 168  # after their end; then only their day, week, month and year are left
    activity_days_kept: int = 400  # after their end, or their last write where that is later
    archive_keep_days: str = ""  # "hour=90,day=1100": how long standings stay in the archive; others for ever
    snapshot_dir: Path | None = None  # None: `snapshots` in the data folder
    snapshot_keep: int = 7  # nightly snapshots of each game
    limit_player_submissions: str = ""  # of one player, in every game that has no limit of its own: "10/s burst 20"
    limit_key_reads: str = ""  # with one API key, likewise: "6000/60s"
    limit_daily_submissions: str = ""  # of one game: "1000000/day"
    read_staleness_ms: int = 250  # how old a top may be that is served from memory; 0: none is
    max_body_bytes: int = 8 * 1024 * 1024
    max_bulk_items: int = 10_000
    chunk_items: int = 1000  # items one script call takes: bounds how long the store is busy with it
    secret_key: str = field(default="", repr=False)  # that forms are signed with; '': a random one in the database
    session_hours: float = 12.0  # of not being used, after which a session of the dashboard ends
    secure_cookies: str = "auto"  # always, or auto: where the request came by https
    trusted_proxies: int = 0  # whose X-Forwarded-For and X-Forwarded-Proto are believed, counted from the service
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 0  # 0: one a core
    threads: int = 8
    queue_size: int = 256  # requests that may wait for a thread of a worker; more are answered 503 at once
    queue_seconds: float = 2.0  # for which they wait; then 503
    drain_seconds: float = 1.0  # between /readyz turning 503 and the end of accepting, when a worker is told to end
    log_level: str = "info"
    log_format: str = "auto"  # json, plain, or auto: plain on a terminal
    traces: str = "off"  # otlp: to the collector that the standard OTEL_... variables name

    def __post_init__(self) -> None:
        self._check_urls()
        _parse_keep_days(self.archive_keep_days)
        self._check_numbers()
        self._check_dashboard()
        if self.log_format not in ("auto", "json", "plain"):
            raise ConfigError(f"{PREFIX}LOG_FORMAT is auto, json or plain, not {self.log_format!r}.")
        if self.traces not in ("off", "otlp"):
            raise ConfigError(f"{PREFIX}TRACES is off or otlp, not {self.traces!r}.")
        if self.log_level.lower() not in ("debug", "info", "warning", "error"):
            raise ConfigError(f"{PREFIX}LOG_LEVEL is debug, info, warning or error, not {self.log_level!r}.")

    def _check_numbers(self) -> None:
        for name in ("redis_timeout_seconds", "redis_connect_timeout_seconds", "key_cache_seconds", "queue_seconds"):
            if not 0 < getattr(self, name) <= 60:
                raise ConfigError(f"{PREFIX}{name.upper()} must be above 0 and at most 60.")
        for name in (
            "redis_pool_size",
            "idempotency_hours",
            "stats_hours_kept",
            "activity_days_kept",
            "snapshot_keep",
            "max_body_bytes",
            "max_bulk_items",
            "chunk_items",
            "threads",
            "queue_size",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"{PREFIX}{name.upper()} must be at least 1.")
        if self.chunk_items > _MOST_CHUNK_ITEMS:  # the store does nothing else meanwhile
            raise ConfigError(f"{PREFIX}CHUNK_ITEMS must be at most {_MOST_CHUNK_ITEMS}.")
        for name in ("redis_retries", "wait_replicas", "read_staleness_ms", "workers", "port", "drain_seconds"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{PREFIX}{name.upper()} must not be negative.")
        if self.wait_replicas and not 0 < self.wait_timeout_ms < self.redis_timeout_seconds * 1000:
            raise ConfigError(f"{PREFIX}WAIT_TIMEOUT_MS must be above 0 and below {PREFIX}REDIS_TIMEOUT_SECONDS.")

    def _check_dashboard(self) -> None:
        if 0 < len(self.secret_key) < _SHORTEST_SECRET:
            raise ConfigError(f"{PREFIX}SECRET_KEY must have at least {_SHORTEST_SECRET} characters, best random ones.")
        if not 0 < self.session_hours <= 720:
            raise ConfigError(f"{PREFIX}SESSION_HOURS must be above 0 and at most 720.")
        if self.secure_cookies not in ("auto", "always"):
            raise ConfigError(f"{PREFIX}SECURE_COOKIES is auto or always, not {self.secure_cookies!r}.")
        if not 0 <= self.trusted_proxies <= 10:
            raise ConfigError(f"{PREFIX}TRUSTED_PROXIES must be 0 to 10.")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Reads `env` (the process environment by default). Raises ConfigError naming the variable at fault."""
        env = os.environ if env is None else env
        values: dict[str, Any] = {}
        for one in fields(cls):
            text = env.get(PREFIX + one.name.upper())
            if text:
                values[one.name] = _convert(one.name, one.default, text)
        return cls(**values)

    def with_changes(self, **changes: Any) -> Self:
        """The same settings with those changes that are not None."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL to use."""
        if self.database_url is None:
            return f"sqlite:///{(self.data_dir / 'leaderboard.sqlite3').resolve()}"
        # The driver that the `postgres` extra installs.
        return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def resolved_snapshot_dir(self) -> Path:
        """Where nightly snapshots go."""
        return self.snapshot_dir or self.data_dir / "snapshots"

    @property
    def archive_kept(self) -> dict[str, float]:
        """How many days after its end a period of a name stays in the archive; for ever if it is not named."""
        return _parse_keep_days(self.archive_keep_days)

    @property
    def in_memory(self) -> bool:
        """Whether the store is fakeredis inside this one process."""
        return self.redis_url == "memory"

    def _check_urls(self) -> None:
        if self.redis_url not in (None, "memory") and urlsplit(self.redis_url).scheme not in _REDIS_SCHEMES:
            raise ConfigError(f"{PREFIX}REDIS_URL must be 'memory' or begin with {'://, '.join(_REDIS_SCHEMES)}://.")
        if self.database_url is not None and urlsplit(self.database_url).scheme not in _DATABASE_SCHEMES:
            raise ConfigError(f"{PREFIX}DATABASE_URL must begin with sqlite:// or postgresql+psycopg://.")


def _parse_keep_days(text: str) -> dict[str, float]:
    name = f"{PREFIX}ARCHIVE_KEEP_DAYS"
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        period, _, days = (piece.strip() for piece in part.partition("="))
        if period not in _ARCHIVED_NAMES or period in found:
            raise ConfigError(f"{name} names each of {', '.join(_ARCHIVED_NAMES)} at most once, not {period!r}.")
        if _DAYS.fullmatch(days) is None or float(days) <= 0:
            raise ConfigError(f"{name} is like 'hour=90,day=1100', with days above 0, not {part!r}.")
        found[period] = float(days)
    return found


def _convert(name: str, default: Any, text: str) -> Any:
    try:
        if isinstance(default, Path) or name.endswith("_dir"):
            return Path(text)
        if isinstance(default, int | float):
            return type(default)(text)
    except ValueError:
        raise ConfigError(f"{PREFIX}{name.upper()} must be a number, not {text!r}.") from None
    return text
