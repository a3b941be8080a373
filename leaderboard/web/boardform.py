"""A board's definition as a form, and a form as a definition, which the API's own schema then checks."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from werkzeug.datastructures import MultiDict

from leaderboard import jsontext
from leaderboard.boards.definition import Board, read_definition
from leaderboard.errors import InvalidInput
from leaderboard.jsontext import Numeral
from leaderboard.numerals import OrderingError, read_number
from leaderboard.web.boardfields import FIELDS

_NULLABLE = ("score.min", "score.max", "score.decimals", "max_entries")
_SUBSCORE = {"order": "desc", "min": 0, "max": 1_000_000, "decimals": 0}  # what the form begins with


@dataclass
class BoardForm:
    """What the page shows: values by input name (text, bool or list), and what is wrong with them."""

    values: dict[str, Any]
    errors: dict[str, list[str]] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)

    @classmethod
    def new(cls) -> "BoardForm":
        """The form of a board that has all defaults."""
        return cls(values_of(read_definition({})))

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> "BoardForm":
        """The form of a board that is there."""
        return cls(values_of(definition))

    @classmethod
    def sent(cls, form: "MultiDict[str, str]", current: Mapping[str, Any] | None = None) -> "BoardForm":
        """What somebody typed; what is fixed, and so was not sent, is as it is in `current`."""
        made = cls({name: _typed(form, name) for name in FIELDS})
        if current is not None and "fixed_sent" not in form:
            made.keep_fixed(current)
        return made

    def keep_fixed(self, current: Mapping[str, Any]) -> None:
        """Takes what cannot change once there are scores from the definition that is there."""
        known = values_of(current)
        self.values |= {name: known[name] for name, one in FIELDS.items() if one.is_fixed}

    def definition(self) -> dict[str, Any]:
        """What is typed, checked as the API checks it. Raises InvalidInput."""
        return read_definition(document_of(self.values))

    def refuse(self, error: InvalidInput) -> None:
        """Puts what is wrong at the fields that it is about."""
        for name, messages in error.fields.items():
            place = _place_of(name)
            if place is None:
                self.general += [f"{name}: {message}" for message in messages]
            else:
                self.errors.setdefault(place, []).extend(messages)
        if not error.fields:
            self.general.append(error.detail)


def values_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition as the inputs show it."""
    values: dict[str, Any] = {}
    for name, one in FIELDS.items():
        outer, _, inner = name.partition(".")
        found = definition[outer]
        if inner:
            found = (found or _SUBSCORE)[inner]
        if one.kind == "many":
            values[name] = list(found)
        elif one.kind == "flag":
            values[name] = bool(found)
        else:
            values[name] = "" if found is None else found if isinstance(found, str) else number_text(_plain(found))
    return values


def document_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON document that somebody would have sent who typed this."""
    document: dict[str, Any] = {}
    for name, one in FIELDS.items():
        outer, _, inner = name.partition(".")
        value = values[name]
        if one.kind == "number":
            value = None if not value and name in _NULLABLE else _numeral(value)
        if inner:
            document.setdefault(outer, {})[inner] = value
        elif name != "subscore":
            document[name] = value
    if not values["subscore"]:
        document["subscore"] = None
    return document


def written(definition: Mapping[str, Any]) -> str:
    """The definition as `leaderboard boards put --file` takes it."""
    return msgspec.json.format(jsontext.dumps(_plain(definition)), indent=2).decode()


def fingerprint(definition: Mapping[str, Any]) -> str:
    """What tells a definition from another one: who changes a form tells by it what they saw."""
    return hashlib.sha256(jsontext.dumps(_plain(definition))).hexdigest()[:16]


def losses(board: Board, definition: Mapping[str, Any]) -> list[str]:
    """What a change would remove for good, in sentences."""
    found = []
    gone = [name for name in board.periods if name not in definition["periods"]]
    if gone:
        found.append(f"All scores of these periods, past ones too: {', '.join(gone)}.")
    most, before = definition["max_entries"], board.definition["max_entries"]
    if most is not None and (before is None or most < before):
        found.append(f"Everybody behind the best {most} of each period that is not archived.")
    return found


def number_text(value: Any) -> str:
    """A number with exactly the digits that the API writes."""
    return jsontext.dumps(value).decode()


def _typed(form: "MultiDict[str, str]", name: str) -> Any:
    kind = FIELDS[name].kind
    if kind == "many":
        return form.getlist(name)
    if kind == "flag":
        return name in form
    return form.get(name, "").strip()


def _numeral(text: str) -> Any:
    """A typed number as JSON has it; other text as it is, which the schema then refuses."""
    try:
        read_number(text)
    except OrderingError:
        return text
    return Numeral(text)


def _place_of(name: str) -> str | None:
    """The input that an error is shown at."""
    if name in FIELDS and name != "subscore":
        return name
    if name == "subscore":
        return "subscore.min"
    outer = name.partition(".")[0]
    return outer if outer in FIELDS else next((one for one in FIELDS if one.startswith(f"{name}.")), None)


def _plain(value: Any) -> Any:
    """Without decimals that are integers in disguise: 1E+9 is 1000000000."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    if hasattr(value, "to_integral_value") and value == value.to_integral_value():
        return int(value)
    return value
