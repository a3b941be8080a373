"""The arithmetic of `packed.lua` and `sum.lua` against Python's integers, in the Lua of both stores."""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from leaderboard.boards.ordering import Field, Ordering, make_ordering
from leaderboard.numerals import OrderingError

W = 2**32
OFFSET = 2**52  # of the smallest packed value in the bits of its double
VALUES = 2046 * 2**52
NOW = 1_795_608_000_000
FROM_MS, UNTIL_MS = 946_684_800_000, 4_102_444_800_000

# The fixtures below hold nothing that an example could leave behind.
over_lua = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
over_http = settings(over_lua, max_examples=25)

Lua = Callable[..., Any]

INTEGERS = """
local given, out = cjson.decode(ARGV[1]), {}
local function tell(...) for _, number in ipairs({...}) do out[#out + 1] = string.format('%.17g', number) end end
for _, case in ipairs(given) do
  local key, bits = tonumber(case[1]), case[2]
  local hi, lo = split(key)
  tell(hi, lo, join(hi, lo), floor_key(key, bits))
  tell(shift_right(hi, lo, bits))
  local right_hi, right_lo = shift_right(hi, lo, bits)
  tell(shift_left(right_hi, right_lo, bits))
  tell(lowest(hi, lo, bits))
  tell(add(hi, lo, case[3], case[4]))
  tell(above(hi, lo, case[5], case[6]) and 1 or 0)
end
return out
"""

CHAIN = """
local given, out, old = cjson.decode(ARGV[1]), {}, nil
for n = 0, given.count - 1 do
  local apply = given.packed and add_packed or add_plain
  local new = apply(old, given.deltas, n * given.width, given.limits)
  out[#out + 1] = new and string.format('%.17g', new) or ''
  old = new or old
end
return out
"""


@pytest.fixture
def lua(app: Flask) -> Lua:
    """Runs a script that sees the functions of packed.lua and sum.lua, in the store's own Lua."""
    folder = resources.files("leaderboard.store") / "lua"
    functions = "".join((folder / f"{name}.lua").read_text("utf-8") for name in ("packed", "sum"))
    client = app.extensions["leaderboard"].store.client
    return lambda body, given: [float(text) if text else None for text in client.eval(functions + body, 0, given)]


def to_double(value: int) -> float:
    """The double whose bits a packed value is."""
    return float(struct.unpack(">d", struct.pack(">Q", value + OFFSET))[0])


values = st.one_of(
    st.integers(0, VALUES - 1),
    st.integers(0, 2**63 - 1).map(lambda number: (number & -(2**32)) % VALUES),
    st.tuples(st.integers(0, 62), st.integers(-2, 2)).map(lambda found: max(0, 2 ** found[0] + found[1])),
    st.sampled_from((0, W - 1, W, 2**53, 2**62 + 1, VALUES - 1)),
)
signed = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), values, values.map(lambda value: -value))


@over_lua
@given(st.lists(st.tuples(values, st.integers(0, 62), signed, values), min_size=1, max_size=20))
def test_integers_in_two_halves(lua: Lua, cases: list[tuple[int, int, int, int]]) -> None:
    given = [
        (repr(to_double(value)), bits, *divmod(other, W), *divmod(limit, W)) for value, bits, other, limit in cases
    ]
    wanted: list[float] = []
    for value, bits, other, limit in cases:
        shifted = value >> bits
        wanted += [*divmod(value, W), to_double(value), to_double(shifted << bits)]
        wanted += [*divmod(shifted, W), *divmod(shifted << bits, W), *divmod(value - (shifted << bits), W)]
        wanted += [*divmod(value + other, W), value > limit]
    assert lua(INTEGERS, json.dumps(given)) == wanted


@dataclass(frozen=True)
class Total:
    """A sum board's fields and what it says of a total, by Python's integers."""

    score: Field
    subscore: Field | None
    ties: str | None

    def ordering(self) -> Ordering:
        return make_ordering(self.score, self.subscore, self.ties)

    def holds(self, number: int, second: int) -> bool:
        fields = [(self.score, number)] + ([(self.subscore, second)] if self.subscore else [])
        return all(
            field.low is None or field.high is None or field.low <= Decimal(on_grid(found, field)) <= field.high
            for field, found in fields
        )

    def key(self, number: int, second: int, at: int) -> float:
        subscore = on_grid(second, self.subscore) if self.subscore else None
        return self.ordering().place(on_grid(number, self.score), subscore, at).key


def on_grid(number: int, field: Field) -> str:
    """A number in units of the field's last decimal, as a client writes it."""
    return format(Decimal(number).scaleb(-(field.decimals or 0)), "f")


@st.composite
def some_field(draw: st.DrawFn, bits: int) -> Field:
    """A field of that many bits or fewer; zero, where a sum begins, is mostly but not always among its numbers."""
    decimals, width = draw(st.integers(0, 4)), draw(st.integers(0, 2 ** draw(st.integers(0, bits)) - 1))
    low = draw(st.one_of(st.just(0), st.just(-width), st.just(-(width // 2)), st.integers(-(2**61), 2**61)))
    ends = (Decimal(number).scaleb(-decimals) for number in (low, low + width))
    return Field(draw(st.booleans()), *ends, decimals)


@st.composite
def some_totals(draw: st.DrawFn) -> Total:
    ties = draw(st.sampled_from((None, "first", "last")))
    bits = 62 if ties is None else 30
    sub_bits = draw(st.integers(0, bits)) if ties is None or draw(st.booleans()) else None
    subscore = draw(some_field(sub_bits)) if sub_bits is not None else None
    return Total(draw(some_field(bits - (sub_bits or 0))), subscore, ties)


def some_changes(field: Field | None) -> st.SearchStrategy[int]:
    """Changes that stay inside, that reach an end, that go one beyond it, and that carry if anything does."""
    if field is None or field.low is None or field.high is None:
        return st.just(0)
    low, high = (int(end.scaleb(field.decimals or 0)) for end in (field.low, field.high))
    ends = sorted({0, 1, -1, low, high, low - 1, high + 1, high - low, low - high, high - low + 1, 2 * high, -W, W})
    within = st.integers(min(low, high, 0), max(low, high, 0))
    most = 2**63 - 1
    return st.one_of(
        st.just(0),
        st.integers(-3, 3),
        within,
        st.sampled_from([end for end in ends if abs(end) <= most]),
        st.integers(-most, most),
    )


times = st.one_of(st.integers(FROM_MS, UNTIL_MS - 1), st.sampled_from((FROM_MS, NOW, UNTIL_MS - 1)))


@over_lua
@given(st.data())
def test_packed_sums_are_exact_and_never_carry(lua: Lua, data: st.DataObject) -> None:
    total = data.draw(some_totals())
    ordering = total.ordering()
    changes = data.draw(
        st.lists(st.tuples(some_changes(total.score), some_changes(total.subscore), times), min_size=1, max_size=12)
    )
    deltas: list[float] = []
    wanted: list[float | None] = []
    held: tuple[int, int] | None = None
    for number, second, at in changes:
        subscore = on_grid(second, total.subscore) if total.subscore else None
        deltas += ordering.delta(on_grid(number, total.score), subscore, at)
        found = (held[0] + number, held[1] + second) if held else (number, second)
        if held and (number, second) == (0, 0):
            wanted.append(next(key for key in reversed(wanted) if key is not None))  # its time does not move either
        elif total.holds(*found):
            held = found
            wanted.append(total.key(*found, at))
        else:
            wanted.append(None)
    given = {"count": len(changes), "packed": True, "width": 5, "deltas": deltas, "limits": ordering.sum_limits()}
    assert lua(CHAIN, json.dumps(given)) == wanted


plain_changes = st.one_of(
    st.integers(-100, 100), st.integers(-(2**53), 2**53), st.integers(-5, 5).map(lambda more: 2**53 + more)
)


@over_lua
@example(0, False, None, [-1, 2**53 + 1])
@example(0, True, None, [1, 2**53])
@example(2, True, (-1000, 1000), [1000, 1, -2001, -2000])
@given(
    st.integers(0, 4),
    st.booleans(),
    st.one_of(st.none(), st.tuples(st.integers(-1000, 0), st.integers(0, 1000)), st.just((5, 9))),
    st.lists(st.one_of(plain_changes, plain_changes.map(lambda number: -number)), min_size=1, max_size=12),
)
def test_plain_sums_on_a_grid_are_exact(
    lua: Lua, decimals: int, descending: bool, bounds: tuple[int, int] | None, changes: list[int]
) -> None:
    low, high = bounds or (-(2**53), 2**53)
    ends = (Decimal(end).scaleb(-decimals) for end in bounds) if bounds else (None, None)
    ordering = make_ordering(Field(descending, *ends, decimals))
    deltas: list[float] = []
    wanted: list[float | None] = []
    held = 0
    for change in changes:
        try:
            deltas += ordering.delta(on_grid(change, ordering.score), None, NOW)
        except OrderingError:
            assert abs(change) > 2**53
            continue
        inside = low <= held + change <= high
        held += change * inside
        wanted.append((-held if descending else held) if inside else None)
    given = {"count": len(wanted), "packed": False, "width": 1, "deltas": deltas, "limits": ordering.sum_limits()}
    assert lua(CHAIN, json.dumps(given)) == wanted


@over_lua
@example(True, [1e308, 1e308, -1e308, 0.1, 0.2])
@example(False, [-0.0, 0.1, 0.2, -0.1])
@given(st.booleans(), st.lists(st.floats(-1e308, 1e308), min_size=1, max_size=12))
def test_doubles_add_as_doubles_do(lua: Lua, descending: bool, changes: list[float]) -> None:
    ordering = make_ordering(Field(descending))
    deltas: list[float] = []
    wanted: list[float | None] = []
    held = 0.0
    for change in changes:
        text = str(int(change)) if change.is_integer() else repr(change)
        deltas += ordering.delta(text, None, NOW)
        inside = abs(held + change) < float("inf")
        held += change * inside
        wanted.append((-held if descending else held) if inside else None)
    given = {"count": len(changes), "packed": False, "width": 1, "deltas": deltas, "limits": ordering.sum_limits()}
    assert lua(CHAIN, json.dumps(given)) == wanted


# The same through the whole service.


def definition_of(total: Total) -> dict[str, Any]:
    def spec(field: Field) -> dict[str, Any]:
        return {"min": field.low, "max": field.high, "decimals": field.decimals}

    found: dict[str, Any] = {
        "operator": "sum",
        "periods": ["all"],
        "order": "desc" if total.score.descending else "asc",
        "score": spec(total.score),
    }
    if total.subscore:
        found["subscore"] = {"order": "desc" if total.subscore.descending else "asc", **spec(total.subscore)}
    return found | ({"ties": total.ties} if total.ties else {})


def exact_json(document: Any) -> bytes:
    """JSON in which a Decimal has all its digits."""
    marked = json.dumps(document, default=lambda number: f"<{number:f}>")
    return marked.replace('"<', "").replace('>"', "").encode()


@over_http
@given(st.data())
def test_totals_over_http(service: Any, data: st.DataObject) -> None:
    total = data.draw(some_totals())
    board = f"b{len(service.get('/boards')['boards'])}"
    json_type = {"Content-Type": "application/json"}
    reply = service.request("PUT", f"/v1/boards/{board}", data=exact_json(definition_of(total)), headers=json_type)
    assert reply.status == 201, reply.body
    changes = data.draw(
        st.lists(
            st.tuples(st.sampled_from("ab"), some_changes(total.score), some_changes(total.subscore)),
            min_size=1,
            max_size=8,
        )
    )
    held: dict[str, tuple[int, int]] = {}
    items, refused, unchanged = [], [], 0
    for index, (player, number, second) in enumerate(changes):
        items.append({"board": board, "player": player, "score": Decimal(on_grid(number, total.score))})
        if total.subscore:
            items[-1]["subscore"] = Decimal(on_grid(second, total.subscore))
        old = held.get(player, (0, 0))
        found = old[0] + number, old[1] + second
        if not total.holds(*found):
            refused.append((index, "score_out_of_range"))
            continue
        unchanged += player in held and found == old
        held[player] = found
    report = service.request("POST", "/v1/scores", data=exact_json({"scores": items}), headers=json_type).json
    assert [(one["index"], one["code"]) for one in report["rejected"]] == refused
    assert (report["unchanged"], report["applied"]) == (unchanged, len(items) - unchanged - len(refused))
    rows = service.get(f"/boards/{board}/top")["entries"]
    shown = {
        row["player"]: (Decimal(row["score"]), None if row["subscore"] is None else Decimal(row["subscore"]))
        for row in rows
    }
    wanted = {
        player: (
            Decimal(on_grid(number, total.score)),
            Decimal(on_grid(second, total.subscore)) if total.subscore else None,
        )
        for player, (number, second) in held.items()
    }
    assert shown == wanted
