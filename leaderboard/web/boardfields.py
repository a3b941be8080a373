"""The fields of a board's form: what each is called, what its choices mean, and what is fixed once there are scores."""

from dataclasses import dataclass
from typing import Final, Literal

from leaderboard.boards.definition import FIXED
from leaderboard.boards.periods import WEEKDAYS

Kind = Literal["choice", "text", "number", "flag", "many"]
PERIOD_LABELS: Final = {
    "all": "All time",
    "year": "Year",
    "month": "Month",
    "week": "Week",
    "day": "Day",
    "hour": "Hour",
}
WINDOW_LABELS: Final = {"24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days"}


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. Its name is that of the definition's field, with dots between the levels, as errors name it."""

    name: str
    label: str
    kind: Kind
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def is_fixed(self) -> bool:
        """Whether it cannot change once there are scores."""
        return self.name.partition(".")[0] in FIXED

    @property
    def is_of_subscore(self) -> bool:
        """Whether it says something only where there is a subscore."""
        return self.name.startswith("subscore.")


@dataclass(frozen=True, slots=True)
class Section:
    """Some fields under one heading."""

    title: str
    fields: tuple[FormField, ...]
    help: str = ""


_RANKING = Section(
    "How it ranks",
    (
        FormField(
            "order",
            "Best score",
            "choice",
            "Lowest first is for times and strokes.",
            (("desc", "Highest first"), ("asc", "Lowest first")),
        ),
        FormField(
            "operator",
            "A new score",
            "choice",
            "What a player's next submission does to the score that stands.",
            (
                ("best", "counts if it is better (best)"),
                ("last", "replaces the one before (last)"),
                ("sum", "is added to the one before (sum)"),
            ),
        ),
        FormField(
            "ties",
            "Equal scores",
            "choice",
            "With 'reached it first' and 'reached it last' no two players share a rank.",
            (
                ("shared", "share a rank: 1, 2, 2, 4"),
                ("dense", "share a rank, no gap after: 1, 2, 2, 3"),
                ("first", "who reached it first is ahead: 1, 2, 3, 4"),
                ("last", "who reached it last is ahead: 1, 2, 3, 4"),
            ),
        ),
    ),
)
_SCORES = Section(
    "Scores",
    (
        FormField("score.type", "Numbers", "choice", "", (("number", "Any number"), ("integer", "Integers: 1, 2, 3"))),
        FormField("score.min", "Lowest score", "number", "Scores below are refused. Empty: no bound."),
        FormField("score.max", "Highest score", "number", "Scores above are refused. Empty: no bound."),
        FormField(
            "score.decimals",
            "Decimals",
            "number",
            "Digits after the point, 0 to 15, kept exactly. Empty: any, kept as a double.",
        ),
    ),
    help="Nothing is ever rounded: a score that the board cannot hold exactly is refused.",
)
_SUBSCORE = Section(
    "Subscore",
    (
        FormField(
            "subscore", "Compare a second number where scores are equal", "flag", "Every submission must then have it."
        ),
        FormField(
            "subscore.order",
            "Best subscore",
            "choice",
            "",
            (("desc", "Highest first"), ("asc", "Lowest first")),
        ),
        FormField("subscore.min", "Lowest subscore", "number", "A subscore needs both bounds."),
        FormField("subscore.max", "Highest subscore", "number"),
        FormField("subscore.decimals", "Decimals of the subscore", "number", "0 to 15."),
    ),
)
_PERIODS = Section(
    "Periods",
    (
        FormField(
            "periods",
            "Periods",
            "many",
            "Each is a board of its own that starts empty. One that is added later starts empty then; "
            "one that is taken away loses its scores.",
            tuple(PERIOD_LABELS.items()),
        ),
        FormField(
            "rolling",
            "Rolling windows",
            "many",
            "Always the newest hours or days; they have no past.",
            tuple(WINDOW_LABELS.items()),
        ),
        FormField("time_zone", "Time zone", "text", "Whose days are counted: an IANA name like Europe/Vienna."),
        FormField(
            "week_start", "First day of a week", "choice", "", tuple((day, day.capitalize()) for day in WEEKDAYS)
        ),
        FormField("day_start", "A day begins at", "text", "HH:MM by the local clock, such as 00:00 or 04:30."),
    ),
)
_KEEPING = Section(
    "What is kept",
    (
        FormField("retention.hour", "Closed hours in the store", "number"),
        FormField("retention.day", "Closed days in the store", "number"),
        FormField("retention.week", "Closed weeks in the store", "number"),
        FormField("retention.month", "Closed months in the store", "number"),
        FormField("retention.year", "Closed years in the store", "number", "Older ones are read from the archive."),
        FormField(
            "late_grace_seconds",
            "Late scores, in seconds",
            "number",
            "How long after its end a period still takes what was played in it: up to 604800, a week.",
        ),
        FormField(
            "max_entries",
            "Most players",
            "number",
            "Keeps the best N of each period; only where the best score counts. Empty: everybody. "
            "A lower number removes those behind it.",
        ),
    ),
)
_ACCESS = Section(
    "Who writes and who sees",
    (
        FormField(
            "writes",
            "Scores come from",
            "choice",
            "",
            (
                ("server", "your servers, with a server key"),
                ("client", "game clients too, with a client key"),
                ("signed", "your servers alone for now; client scores would have to be signed"),
            ),
        ),
        FormField(
            "public",
            "Public page",
            "flag",
            "Anybody with the address sees this board, without signing in, and may embed it.",
        ),
        FormField(
            "partitions",
            "Partitions",
            "number",
            "1, or up to 64 to spread one very large board over the nodes of a cluster.",
        ),
    ),
)
SECTIONS: Final = (_RANKING, _PERIODS, _SCORES, _SUBSCORE, _KEEPING, _ACCESS)
FIELDS: Final = {field.name: field for section in SECTIONS for field in section.fields}
