"""The fast way to read bulk bodies and the slow one accept and refuse the same items, and read them alike."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from unittest import mock

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard import jsontext
from leaderboard.boards import items
from leaderboard.boards.chunks import Item
from leaderboard.errors import InvalidInput, LeaderboardError
from leaderboard.fields import check_player

EXAMPLES = int(os.environ.get("ITEMS_EXAMPLES", "400" if os.environ.get("CI") else "90"))
MOST = 4
Read = Callable[[bytes, int], Any]

# fmt: off
ODD_NUMBERS = [
    "-0", "0.0", "1e3", "1E+2", "-1.50", "1e-7", "9007199254740993", "9007199254740993.0", "1e400", "1e401",
    "1e999999999", "1e9999999999", "0e9999999999", "1e-9999", "9" * 500, "0." + "1" * 900, "5e-324", "1e23",
]
NO_NUMBERS = ["01", "1.", "-", "+1", ".5", "1e", "0x1", "NaN", "-Infinity", "true", '"1"', "[]", "{}", "", "1_0", "1 2"]
ODD_TEXTS = [r'"\ud83d\ude00"', r'"\u0041"', r'"\/"', r'"\u00e9"', '"é"', '"\x7f"', '"a/b"', '"WAC/St. Andrä"', '"😀"']
NO_TEXTS = [
    r'"\ud800"', r'"\udc00x"', r'"\ud83d"', r'"\u0000"', r'"\q"', r'"\u12"', '"\x01"', '"\n"', '"a/"', '".."', '""',
    '"x', '"a//b"', '"' + "x" * 129 + '"', "'x'", "1", "null", "true", "[]", "{}", '["x"]', r'"a\u0085"',
    '"\x85"', '"\ud800"',
]
TIMES = ["2026-11-23T11:00:00Z", "2026-11-23t11:00:00.5z", "2026-11-23 11:00:00+01:30", "2026-11-23T11:00:00.125-00:00"]
NO_TIMES = [
    "2026-11-23", "2026-11-23T11:00:00", "2026-02-30T11:00:00Z", "2026-11-23T11:00:60Z", "0001-01-01T00:00:00+01:00",
    "2026-11-23T11:00:00+24:00", "２026-11-23T11:00:00Z", "2026-11-23T11:00:00Z ", "", "\ud800",
]
METADATA = [
    "{}", '{"a": {}}', '{"a": 1.50, "b": [1e400, -0]}', '{"a": 1, "a": 2}', r'{"\u0061": "\ud83d\ude00"}', "{ }",
    '{"a": ' + "[" * 400 + "]" * 400 + "}", '{"a": null, "": true}', r'{"a": "\/\u00e9\u0000"}', '{"a": "\x7f"}',
]
NO_METADATA = [
    "[]", "1", '"x"', "true", r'{"a": "\ud800"}', r'{"\ud800": 1}', r'{"a": {"\udc00": 1}}', '{"a": NaN}', "{,}",
    '{"a": 01}', '{"a": 1.}', r'{"a": "\q"}', '{"a": "\x01"}', '{"a": [1,]}', "{1: 2}", '{"a"}', '{"a": "\udc00"}',
]
# fmt: on


def around_the_limit() -> Iterator[str]:
    """Metadata of about as many bytes as are taken, as it comes or compact, with escapes or without."""
    for letter in ("x", "é", r"\u00e9", r"\n", "😀", r"\ud83d\ude00", r"\/"):
        for size in {len(letter.encode()), len(json.loads(f'"{letter}"').encode())}:
            for room in range(items.METADATA_BYTES - 10, items.METADATA_BYTES - 5):
                text = letter * (room // size) + "x" * (room % size)
                yield from (f'{{"a":"{text}"}}', f'{{ "a" : "{text}" }}', f'{{"a":1,"a":"{text[6:]}"}}')


DOCUMENTS = st.dictionaries(st.text(max_size=3), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6,
), max_size=3)  # fmt: skip
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
QUOTED = st.tuples(STRINGS, st.booleans()).map(lambda pair: json.dumps(pair[0], ensure_ascii=pair[1]))
NUMBERS = st.integers().map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
FIELDS: dict[str, tuple[st.SearchStrategy[str], list[str]]] = {  # good values, and odd ones
    "board": (QUOTED, ODD_TEXTS + NO_TEXTS),
    "player": (QUOTED, ODD_TEXTS + NO_TEXTS),
    "score": (NUMBERS, [*ODD_NUMBERS, *NO_NUMBERS, "null"]),
    "subscore": (NUMBERS, [*ODD_NUMBERS, *NO_NUMBERS, "null"]),
    "at": (st.sampled_from(TIMES).map(json.dumps), ["null", "1", "{}", *(f'"{time}"' for time in NO_TIMES)]),
    "metadata": (DOCUMENTS.map(json.dumps), [*METADATA, *NO_METADATA, *around_the_limit(), "null"]),
}
SPACES = st.sampled_from(["", "", "", "", " ", "\t\r ", "\n"])


def value(name: str) -> st.SearchStrategy[str]:
    """A field's JSON text, good as a rule: where one item of a body is odd, the slow way reads all of it."""
    good, odd = FIELDS[name]
    return st.integers(0, 9).flatmap(lambda n: good if n else st.sampled_from(odd))


@st.composite
def item_texts(draw: st.DrawFn) -> str:
    names = ["board", "player", "score", *draw(st.lists(st.sampled_from(["subscore", "at", "metadata"]), unique=True))]
    oddity = draw(st.integers(0, 29))
    if oddity == 0:
        names.remove(draw(st.sampled_from(names)))
    elif oddity == 1:
        names.append(draw(st.sampled_from(names)))  # twice: the last one counts
    pairs = [(f'"{name}"', draw(value(name))) for name in draw(st.permutations(names))]
    if oddity == 2:
        pairs.append((draw(st.sampled_from(['"x"', '""', r'"\ud800"', '"Player"', "player"])), "1"))
    elif oddity == 3:
        pairs[0] = (pairs[0][0].replace("a", r"\u0061"), pairs[0][1])
    elif oddity == 4:
        return draw(st.sampled_from(["null", "1", '"x"', "[]", "{}", "[{}]", "", "{", "NaN", r'"\ud800"']))
    space = draw(SPACES)
    return "{" + f"{space},{space}".join(f"{space}{name}{space}:{space}{value}" for name, value in pairs) + space + "}"


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """The text in UTF-8, one time in twenty with a byte changed, lost or added."""
    raw = draw(texts).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 19)) or not raw:
        return raw
    place = draw(st.integers(0, len(raw) - 1))
    byte = draw(st.sampled_from(b'\x00\x1f "\\,:{}[]0-e.\x7f\x80\xc3\xed\xff'))
    return raw[:place] + bytes([byte] * draw(st.integers(0, 2))) + raw[place + draw(st.integers(0, 1)) :]


class _Nothing:
    """A decoder that finds everything odd."""

    def decode(self, _: bytes) -> NoReturn:
        raise msgspec.DecodeError

    decode_lines = decode


@contextmanager
def only_slow() -> Iterator[None]:
    with mock.patch.multiple(items, _fast_body=_Nothing(), _fast_lines=_Nothing()):
        yield


@contextmanager
def only_fast() -> Iterator[None]:
    with mock.patch.object(items.jsontext, "loads", side_effect=AssertionError("the slow way was taken")):
        yield


def outcome(read: Read, body: bytes, most: int = MOST) -> Any:
    """What is read: of each item its board and submission, or None where it is refused; or why nothing is read."""
    try:
        count, good, refused = read(body, most)
    except LeaderboardError as error:
        return type(error), error.code, sorted(error.fields) if isinstance(error, InvalidInput) else None
    found = {item.index: seen(item) for item in good} | {one.index: None for one in refused}
    assert sorted(found) == list(range(count))
    assert len(good) + len(refused) == count
    assert all(one.refusal.detail for one in refused)
    return [found[index] for index in range(count)]


def seen(item: Item) -> Any:
    """The item, its metadata as what it says; None where the batch that it goes into refuses its player."""
    given = item.submission
    try:
        check_player(given.player)
    except ValueError:
        return None
    assert given.metadata is None or len(given.metadata.encode()) <= items.METADATA_BYTES
    metadata = None if given.metadata is None else repr(jsontext.loads(given.metadata))
    return item.board, given.player, given.score, given.subscore, given.at, metadata


def compare(read: Read, body: bytes, most: int) -> None:
    as_it_comes = outcome(read, body, most)
    with only_slow():
        assert outcome(read, body, most) == as_it_comes


BODIES = st.lists(damaged(item_texts()), max_size=MOST)
BETWEEN = [*[b"\n"] * 10, b"\r\n\r\n", b" \n\t\n", b"\n\x0c\n", b" ", b"", b",", b"\r", b"\n\xef\xbb\xbf", b"\n\x00\n"]
LINES = item_texts().map(lambda text: text.replace("\n", " ").encode("utf-8", "surrogatepass"))
MOSTS = st.sampled_from([MOST] * 9 + [1])


@settings(max_examples=EXAMPLES, deadline=None)
@given(body=BODIES, between=st.sampled_from(BETWEEN), most=MOSTS)
def test_lines(body: list[bytes], between: bytes, most: int) -> None:
    compare(items.read_lines, between.join(body), most)


AROUND = [('{"scores":[', "]}")] * 20 + [('\r\n{"scores"\t: [ ', " ] } "), (r'{"\u0073cores": [', "]}")] * 3 + [
    ('{"scores": [', "]}x"), ('\ufeff{"scores": [', "]}"), ('{"x": 1, "scores": [', "]}"), ("[", "]"), (" {", "}\n"),
    ('{"scores": 1, "scores": [', "]}"), ('{"scores": [', '], "scores": []}'), ('{"scores": {"a": [', "]}}"),
    ('{"scores": [[', "]]}"), ('{"scores": null', "}"), ('{"scores": [', '], "scores": null}'),
]  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None)
@given(body=BODIES, around=st.sampled_from(AROUND), most=MOSTS)
def test_documents(body: list[bytes], around: tuple[str, str], most: int) -> None:
    compare(items.read_json_items, around[0].encode() + b",".join(body) + around[1].encode(), most)


@pytest.mark.parametrize(
    "text", ["A A", "AA", "S", "A\nS", "S\nA", "A A\nS", "A\rA", "A,\nA", "[A]", "A\n\x00", "A\n\nA", " A "]
)
def test_an_item_is_a_line_and_a_line_an_item(text: str) -> None:
    whole = '{"board": "b", "player": "ada", "score": 1}'
    split = whole.replace(", ", ",\n", 1)
    compare(items.read_lines, text.replace("A", whole).replace("S", split).encode(), MOST)


@pytest.mark.parametrize("name", FIELDS)
def test_each_odd_value_by_itself(name: str) -> None:
    for odd in FIELDS[name][1]:
        fields = {"board": '"b"', "player": '"ada"', "score": "1"} | {name: odd}
        item = "{" + ", ".join(f'"{field}": {text}' for field, text in fields.items()) + "}"
        compare(items.read_lines, item.encode("utf-8", "surrogatepass"), MOST)
        compare(items.read_json_items, f'{{"scores": [{item}]}}'.encode("utf-8", "surrogatepass"), MOST)


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(body=st.lists(LINES, min_size=1, max_size=3))
def test_an_odd_item_changes_nothing_for_its_neighbours(body: list[bytes]) -> None:
    alone = [outcome(items.read_lines, line) for line in body if line.strip()]
    together = outcome(items.read_lines, b"\n".join([*body, b'{"x": 1}']))
    assert [one[0] if isinstance(one, list) else None for one in alone] == together[:-1]


@pytest.mark.parametrize(
    "extra", ["", ', "at": "2026-11-23T11:00:00Z"', ', "subscore": 2', ', "metadata": {"a": 1.50}']
)
def test_what_is_plainly_right_goes_the_fast_way(extra: str) -> None:
    item = f'{{"board": "b", "player": "WAC/St. Andrä", "score": -12.50{extra}}}'
    with only_fast():
        assert items.read_lines(f"{item}\n{item}".encode(), MOST)[0] == 2
        assert items.read_json_items(f'{{"scores": [{item}]}}'.encode(), MOST)[0] == 1
