"""Events as they come: the fast way to read them and the slow one accept and refuse the same, and read them alike."""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.errors import InvalidInput, LeaderboardError, TooLarge, UnreadableBody
from leaderboard.stats import items
from leaderboard.stats.items import Context, Items, Reader

EXAMPLES = int(os.environ.get("ITEMS_EXAMPLES", "300" if os.environ.get("CI") else "60"))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GOOD = {
    "name": ['"match"', '"a.b_c-d:e"', '"' + "x" * 64 + '"', r'"\u0061"'],
    "player": ['"ada"', '"WAC/St. Andrä"', "null", '"😀"', r'"\ud83d\ude00"'],
    "value": ["1", "0", "-0", "2.50", "-1e-7", "1e3", "9007199254740992", "9007199254740992.0", "null", "5e-324",
        "1e17"],
    "at": ['"2026-11-23T11:00:00Z"', '"1990-01-01T00:00:00+05:30"', '"2026-11-23T12:00:59Z"', "null"],
    "properties": [
        "{}", "null", '{"country":"AT"}', '{"level":12,"won":true,"lost":false}', '{"a":"1","a":"2"}', '{"zero":-0}',
        '{"b":"x","a":"y"}', '{"n":-5,"m":12345678901234567890123}', '{"a":"' + "ä" * 64 + '"}', '{"a":"=x"}',
        json.dumps({f"p{n}": n for n in range(8)}),
    ],
}  # fmt: skip
BAD = {
    "name": ['""', '".."', '"a b"', '"ä"', '"' + "x" * 65 + '"', "1", "null", r'"\ud800"', '"a/b"', r'"a\n"'],
    "player": ['""', '"a//b"', r'"\u0000"', r'"\ud800"', "1", "[]", '"' + "x" * 129 + '"'],
    "value": [
        "9007199254740993", "9007199254740993.0", "1e300", "1e301", "-1e400", '"1"', "true", "01", "NaN", "[]",
        "1" * 400,
    ],
    "at": ['"2026-11-23T12:01:01Z"', '"2026-11-23"', "1", '"1850-01-01T00:00:00Z"', '"2200-01-01T00:00:00Z"', '""'],
    "properties": [
        "[]", "1", '{"a":null}', '{"a":1.5}', '{"a":1e3}', '{"a":""}', '{"a b":"x"}', '{"":"x"}', '{"a":[]}',
        '{"a":{}}',
        r'{"a":"\n"}', r'{"a":"\u0085"}', r'{"a":"\ud800"}', r'{"\ud800":"a"}', '{"a":"' + "x" * 65 + '"}',
        json.dumps({f"p{n}": n for n in range(9)}), '{"a":' + "1" * 65 + "}", '{"' + "x" * 33 + '":1}',
    ],
}  # fmt: skip
FIELDS = [*GOOD]


@st.composite
def lines(draw: st.DrawFn) -> str:
    """An event, seldom a good one in everything."""
    parts = []
    odd = draw(st.sampled_from([None, None, *FIELDS, "missing", "unknown"]))
    for name in FIELDS:
        if name == odd:
            parts.append(f'"{name}":{draw(st.sampled_from(BAD[name]))}')
        elif name == "name" or draw(st.booleans()):
            parts.append(f'"{name}":{draw(st.sampled_from(GOOD[name]))}')
    if odd == "unknown":
        parts.append('"plyer":"ada"')
    if odd == "missing":
        parts.pop(0)
    return "{" + ",".join(draw(st.permutations(parts))) + "}"


def refuse(*_: Any) -> NoReturn:
    raise ValueError("slowly")


def outcome(body: bytes, *, as_lines: bool, **context: Any) -> Any:
    reader = Reader(Context(NOW, **context))
    try:
        found = (reader.read_lines if as_lines else reader.read_json)(body, 4)
    except LeaderboardError as error:
        return type(error), error.code
    rejected = [(one.index, one.refusal.code) for one in found.rejected]
    return found.received, found.events, found.indexes, rejected


def both(body: bytes, *, as_lines: bool, **context: Any) -> tuple[Any, Any]:
    fast = outcome(body, as_lines=as_lines, **context)
    slow_one = mock.Mock(decode=refuse)
    with mock.patch.object(items, "_fast_body", slow_one), mock.patch.object(items, "_fast_line", slow_one):
        return fast, outcome(body, as_lines=as_lines, **context)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(lines(), max_size=5), st.booleans(), st.booleans(), st.booleans())
def test_both_ways_read_the_same(body: list[str], as_lines: bool, by_client: bool, backfill: bool) -> None:
    text = "\n".join(body) if as_lines else '{"events":[' + ",".join(body) + "]}"
    fast, slow = both(text.encode(), as_lines=as_lines, by_client=by_client, backfill=backfill)
    assert fast == slow


@pytest.mark.parametrize("name", FIELDS)
def test_each_value_by_itself(name: str) -> None:
    for texts, is_good in ((GOOD[name], True), (BAD[name], False)):
        for text in texts:
            line = f'{{"name":"n","{name}":{text}}}' if name != "name" else f'{{"name":{text}}}'
            fast, slow = both(f'{line}\n{{"name":"n"}}'.encode(), as_lines=True)
            assert fast == slow, line
            assert fast[0] == 2, line
            assert [index for index, _ in fast[3]] == ([] if is_good else [0]), line


def one(**fields: Any) -> Items:
    return Reader(Context(NOW)).read_json(json.dumps({"events": [{"name": "n", **fields}]}).encode(), 10)


def test_properties_are_texts_by_name() -> None:
    (event,) = one(properties={"won": True, "country": "AT", "level": 12}).events
    assert event.properties == (("country", "AT"), ("level", "12"), ("won", "true"))
    events = Reader(Context(NOW)).read_lines(
        b'{"name":"n","properties":{"a":1}}\n{"name":"n","properties":{"a":true}}', 9
    )
    assert [event.properties for event in events.events] == [(("a", "1"),), (("a", "true"),)]


def test_the_time_is_now_unless_it_is_given() -> None:
    assert one().events[0].at == NOW
    assert one(at="2026-11-23T10:00:00+01:00").events[0].at == NOW - timedelta(hours=3)


def test_codes() -> None:
    codes = [
        one(value=2**53 + 1).rejected[0].refusal.code,
        one(at="2026-11-23T12:01:01Z").rejected[0].refusal.code,
        one(at="1900-12-31T23:59:59Z").rejected[0].refusal.code,
        one(name="a b").rejected[0].refusal.code,
    ]
    assert codes == ["value_not_exact", "time_in_future", "time_out_of_range", "validation_error"]
    client = Reader(Context(NOW, by_client=True)).read_lines(b'{"name":"n","at":"2026-11-23T11:00:00Z"}', 1)
    assert client.rejected[0].refusal.code == "forbidden"
    backfill = Reader(Context(NOW, backfill=True)).read_lines(b'{"name":"n","at":"2126-11-23T11:00:00Z"}', 1)
    assert not backfill.rejected


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", UnreadableBody),
        (b"[]", InvalidInput),
        (b'{"events": {}}', InvalidInput),
        (b'{"events": [], "more": 1}', InvalidInput),
        (b'{"events": [1, 2, 3, 4, 5]}', TooLarge),
        (b"\xff", UnreadableBody),
    ],
)
def test_a_body_that_cannot_be_taken(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        Reader(Context(NOW)).read_json(body, 4)
    with pytest.raises(UnreadableBody):
        Reader(Context(NOW)).read_lines(b"nonsense\n{", 4)


def test_one_event_of_a_path() -> None:
    assert Reader(Context(NOW)).read_one("n", {"player": "ada"}).player == "ada"
    with pytest.raises(InvalidInput) as caught:
        Reader(Context(NOW)).read_one("n", {"name": "n"})
    assert caught.value.fields == {"name": ["Unknown field."]}
