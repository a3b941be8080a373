"""The one tree of errors. They carry data and know no HTTP; `api/problems.py` maps them to statuses.

Every error has a stable `code` (snake_case, part of the contract) and a sentence for a person.
"""

from collections.abc import Mapping, Sequence

FieldErrors = Mapping[str, Sequence[str]]


class LeaderboardError(Exception):
    """Root of everything this project raises on purpose."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class ConfigError(LeaderboardError):
    """A setting that cannot work; raised once, at the start."""

    code = "bad_configuration"


class InvalidInput(LeaderboardError):
    """Well-formed, but not acceptable. `fields` names what is at fault."""

    code = "validation_error"

    def __init__(self, detail: str, *, code: str | None = None, fields: FieldErrors | None = None) -> None:
        super().__init__(detail, code=code)
        self.fields = fields or {}


class UnreadableBody(LeaderboardError):
    """The bytes are not what their content type says."""

    code = "unreadable_body"


class TooLarge(LeaderboardError):
    """More bytes or items than one request may carry."""

    code = "too_large"


class UnsupportedMedia(LeaderboardError):
    """A content type, charset or content encoding that is not spoken here."""

    code = "unsupported_media_type"


class Unauthenticated(LeaderboardError):
    """No key, or one that is unknown or revoked."""

    code = "unauthenticated"


class Forbidden(LeaderboardError):
    """A good key without this right."""

    code = "forbidden"


class NotFound(LeaderboardError):
    """Something named does not exist."""

    code = "not_found"


class UnknownBoard(NotFound):
    """The game has no such board."""

    code = "unknown_board"

    def __init__(self, board: str) -> None:
        super().__init__(f"This game has no board {board!r}.")


class UnknownPlayer(NotFound):
    """The board has no such player in that period."""

    code = "unknown_player"

    def __init__(self, player: str) -> None:
        super().__init__(f"{player!r} has no score here.")


class Conflict(LeaderboardError):
    """The state of things forbids it."""

    code = "conflict"


class TooManyRequests(LeaderboardError):
    """Over a limit; the same request may work in `retry_after` seconds. `headers`: where the caller stands."""

    code = "rate_limited"

    def __init__(self, detail: str, retry_after: int, headers: Mapping[str, str]) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        self.headers = headers


class Unavailable(LeaderboardError):
    """Something the service stands on is away; the same request may work in `retry_after` seconds."""

    code = "unavailable"
    retry_after = 1


class StoreUnavailable(Unavailable):
    """Valkey or Redis is away, loading, full or too slow."""

    code = "store_unavailable"


class BoardsChanged(StoreUnavailable):
    """What was known of some boards is out of date; with a fresh look the same call can work."""

    def __init__(self, *boards: str) -> None:
        super().__init__("The board changed meanwhile; try again.")
        self.boards = boards


class DatabaseUnavailable(Unavailable):
    """The relational database is away or locked."""

    code = "database_unavailable"


class Overloaded(Unavailable):
    """More is asked of this process than it can answer in time."""

    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("There is too much to do; try again.")


class NotReady(Unavailable):
    """This process is about to end: others are to be asked."""

    code = "not_ready"

    def __init__(self) -> None:
        super().__init__("This process is about to end.")


class TooSlow(LeaderboardError):
    """A request that did not arrive in time."""

    code = "request_timeout"

    def __init__(self) -> None:
        super().__init__("The request did not arrive in time.")


class Interrupted(LeaderboardError):
    """A job that was asked to end, or whose claim somebody else has taken over; the next run goes on from there."""

    code = "interrupted"
