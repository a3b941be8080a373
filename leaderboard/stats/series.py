"""Properties of events: a stat has a series of figures for every combination of their values.

A combination is spelled `country=AT`, one line a property, by name; names have no `=`, values no line breaks. What
has a value too many goes to `other` (store/lua/stat_series.lua).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

MOST_PROPERTIES: Final = 8  # of an event
OTHER: Final = "other"
TOTAL: Final = "0"  # the series of all events
PLAIN: Final = "1"  # the series of those without properties, once there are others
MARKS: Final = "h"  # among the series of a day: which of its hours were rolled up

Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are read, and how they are grouped.

    `where`: property -> the values that count, '' for events without it; `by`: the properties to group by.
    """

    where: Mapping[str, Sequence[str]] = field(default_factory=dict)
    by: Sequence[str] = ()

    @property
    def is_all(self) -> bool:
        """Whether it is simply every event."""
        return not self.where and not self.by

    def takes(self, properties: Mapping[str, str]) -> bool:
        """Whether events with these properties count."""
        return all(properties.get(name, "") in values for name, values in self.where.items())

    def key(self, properties: Mapping[str, str]) -> Key:
        """The group of events with these properties."""
        return tuple(properties.get(name) for name in self.by)


def combination(properties: Iterable[tuple[str, str]]) -> list[str]:
    """A combination as the store takes it: its text, and name and value in turn."""
    pairs = list(properties)
    text = "\n".join(f"{name}={value}" for name, value in pairs)
    return [text, *(part for pair in pairs for part in pair)]


def parse(text: str) -> dict[str, str]:
    """The properties of a combination."""
    return {name: value for name, _, value in (line.partition("=") for line in text.split("\n") if line)}


def groups(series: Mapping[str, str], selection: Selection) -> dict[Key, list[str]]:
    """The numbers of the series that make up each group; `series` is combination -> number."""
    found: dict[Key, list[str]] = {}
    for text, number in series.items():
        properties = parse(text)
        if selection.takes(properties):
            found.setdefault(selection.key(properties), []).append(number)
    return found


def property_names(series: Iterable[str]) -> list[str]:
    """The names of all properties that a stat's events have had, in order."""
    return sorted({name for text in series for name in parse(text)})
