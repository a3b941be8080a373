"""Numbers, as they were written: beyond 2^53, with decimals, with a subscore; refused where they would be rounded."""

import json
from decimal import Decimal
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
BIG = [1009651914519660511, 1009651914519660512, 1009651914519660544]  # one double, all three
WIDE = {"type": "integer", "min": 0, "max": 2**62}

WAYS = ["single", "bulk", "lines"]


def send(service: Any, way: str, player: str, numbers: str, board: str = "b") -> str:
    """Submits numerals exactly as they are written; answers "ok", or the code of the refusal."""
    item = f'{{"player":"{player}",{numbers}'
    if way == "single":
        reply = service.request("POST", f"/v1/boards/{board}/scores", data=item + "}", headers=JSON)
        assert reply.status in (200, 422), reply.body
        return "ok" if reply.status == 200 else reply.json["code"]
    item += f',"board":"{board}"}}'
    body, headers = (f'{{"scores":[{item}]}}', JSON) if way == "bulk" else (item + "\n", NDJSON)
    reply = service.request("POST", "/v1/scores", data=body, headers=headers)
    assert reply.status == 200, reply.body
    return reply.json["rejected"][0]["code"] if reply.json["rejected"] else "ok"


def score(service: Any, way: str, player: str, numeral: Any, board: str = "b") -> str:
    return send(service, way, player, f'"score":{numeral}', board)


def top(service: Any, board: str = "b") -> list[tuple[str, Any]]:
    rows = service.get(f"/boards/{board}/top", query={"limit": 1000}, headers=FRESH)["entries"]
    return [(row["player"], row["score"]) for row in rows]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_three_integers_that_are_one_double(service: Any, way: str, order: str) -> None:
    service.put_board(order=order, score=WIDE)
    for number in BIG:
        assert score(service, way, str(number), number) == "ok"
    assert top(service) == sorted(((str(n), n) for n in BIG), key=lambda row: row[1], reverse=order == "desc")
    best = BIG[0] if order == "asc" else BIG[-1]
    assert service.get(f"/boards/b/players/{best}", headers=FRESH)["rank"] == 1
    answer = service.submit("single", BIG[1])
    assert (answer["score"], answer["periods"]["day"]["score"], answer["periods"]["day"]["rank"]) == (BIG[1], BIG[1], 2)


# board, numeral, "ok" or the code
NUMERALS = [
    ({}, str(BIG[0]), "score_not_exact"),
    ({}, str(BIG[2]), "ok"),
    ({}, "9007199254740993", "score_not_exact"),
    ({}, "9007199254740993.0", "score_not_exact"),
    ({}, "-9007199254740993", "score_not_exact"),
    ({}, "900719925474099300e-2", "score_not_exact"),
    ({}, "9007199254740992", "ok"),
    ({}, "1e17", "ok"),
    ({}, "1e23", "score_not_exact"),
    ({}, "0.1", "ok"),
    ({}, "0.1000000000000000055511151231257827021181583404541015625", "ok"),
    ({}, "1e308", "score_not_exact"),
    ({}, "1e309", "score_out_of_range"),
    ({}, "1e999999999", "score_out_of_range"),
    ({}, "9" * 10_000, "score_out_of_range"),
    ({}, "1e-999999999", "ok"),
    ({}, "-0.0", "ok"),
    ({"type": "integer"}, "9007199254740992", "ok"),
    ({"type": "integer"}, "9007199254740993", "score_not_exact"),
    ({"type": "integer"}, "12.0", "ok"),
    ({"type": "integer"}, "1.2e1", "ok"),
    ({"type": "integer"}, "12.5", "score_not_exact"),
    ({"type": "integer"}, "1e-999999999", "score_not_exact"),
    (WIDE, str(2**62), "ok"),
    (WIDE, str(2**62 + 1), "score_out_of_range"),
    (WIDE, "-1", "score_out_of_range"),
    (WIDE, "4.611686018427387904e18", "ok"),
    (WIDE, "0.5", "score_not_exact"),
    ({"decimals": 2}, "0.125", "score_not_exact"),
    ({"decimals": 2}, "0.120", "ok"),
    ({"decimals": 2}, "12e-2", "ok"),
    ({"decimals": 2}, "90071992547409.92", "ok"),
    ({"decimals": 2}, "90071992547409.93", "score_not_exact"),
    ({"min": -1, "max": 1}, "1.0000000000000002", "score_out_of_range"),
    ({"min": -1, "max": 1}, "-1", "ok"),
    ({"min": 0, "max": 10, "decimals": 1}, "10.1", "score_out_of_range"),
    ({"min": 0, "max": 10, "decimals": 1}, "10.0", "ok"),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_number_is_held_exactly_or_refused(service: Any, way: str) -> None:
    names = {json.dumps(spec): f"b{number}" for number, (spec, _, _) in enumerate(NUMERALS)}
    for spec, name in names.items():
        service.put_board(name, score=json.loads(spec), periods=["all"])
    found, shown = [], []
    for number, (spec, numeral, _) in enumerate(NUMERALS):
        board = names[json.dumps(spec)]
        found.append((spec, numeral[:60], score(service, way, f"p{number}", numeral, board)))
        held = dict(top(service, board)).get(f"p{number}")
        shown.append(held is None or held == Decimal(numeral) or (not spec and float(held) == float(numeral)))
    assert found == [(spec, numeral[:60], code) for spec, numeral, code in NUMERALS]
    assert all(shown)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_number_is_no_score(service: Any, way: str) -> None:
    service.put_board()
    for numeral in ('"1"', "true", "null", "[1]", "{}", '"NaN"'):
        assert score(service, way, "a", numeral) in ("validation_error", "invalid_score"), numeral
    assert send(service, way, "a", '"scores":1') == "validation_error"
    assert top(service) == []


def test_a_numeral_that_json_does_not_know_is_an_unreadable_body(service: Any) -> None:
    service.put_board()
    for numeral in ("NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x1", "1_000", "", "١"):
        body = f'{{"player":"a","score":{numeral}}}'
        reply = service.request("POST", "/v1/boards/b/scores", data=body.encode(), headers=JSON)
        assert (reply.status, reply.json["code"]) == (400, "unreadable_body"), numeral
    assert top(service) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_tenth_and_two_tenths(service: Any, way: str) -> None:
    service.put_board("tenths", operator="sum", score={"decimals": 1})
    service.put_board("doubles", operator="sum")
    for numeral in ("0.1", "0.2"):
        for board in ("tenths", "doubles"):
            assert score(service, way, "a", numeral, board) == "ok"
    assert top(service, "tenths") == [("a", Decimal("0.3"))]
    assert float(top(service, "doubles")[0][1]) == 0.1 + 0.2
    for _ in range(3):
        score(service, way, "a", "-0.1", "tenths")
    assert top(service, "tenths") == [("a", 0)]


@pytest.mark.parametrize("spec", [WIDE, {"type": "integer"}, {"decimals": 3, "min": 0, "max": 10**12}])
def test_many_small_sums_are_one_large_one(service: Any, spec: dict[str, Any]) -> None:
    service.put_board(operator="sum", score=spec, periods=["all"])
    step = "0.007" if spec.get("decimals") else "7"
    start = 2**61 if spec is WIDE else 10**11
    lines = [f'{{"board":"b","player":"a","score":{number}}}' for number in (start, *[step] * 1000)]
    report = service.request("POST", "/v1/scores", data="\n".join(lines), headers=NDJSON).json
    assert (report["applied"], report["rejected"]) == (1001, [])
    assert top(service) == [("a", start + 1000 * Decimal(step))]


def test_a_total_beyond_the_boards_range_is_refused_and_stays(service: Any) -> None:
    service.put_board(operator="sum", score={"min": -10, "max": 100})
    for number, code in (
        (90, "ok"),
        (11, "score_out_of_range"),
        (10, "ok"),
        (-111, "score_out_of_range"),
        (-110, "ok"),
    ):
        assert score(service, "single", "a", number) == code, number
    assert top(service) == [("a", -10)]
    assert score(service, "bulk", "b", 101) == "score_out_of_range"
    assert top(service) == [("a", -10)]


def test_a_sum_of_integers_is_exact_to_its_end(service: Any) -> None:
    service.put_board(operator="sum", score={"type": "integer"})
    assert score(service, "single", "a", 1) == "ok"
    assert score(service, "single", "a", 2**53) in ("score_out_of_range", "score_not_exact")
    assert top(service) == [("a", 1)]
    assert score(service, "single", "a", 2**53 - 1) == "ok"
    assert top(service) == [("a", 2**53)]


def test_what_a_board_shows_it_takes_back(service: Any) -> None:
    service.put_board()
    for number in (2**53, 2**62, 10**17, 2**80, 2**80 + 2**40, -(2**70)):
        assert score(service, "single", str(number), number) == "ok"
    for player, shown in top(service):
        assert shown == int(player)


def test_a_bound_is_kept_as_it_was_written_or_refused(service: Any) -> None:
    for numeral in ("0.1", "-2.50", "1e3", "123456789.123456789", "1" * 25, "0." + "1" * 35, "-" + "123456789" * 4):
        body = f'{{"score":{{"min":{numeral}}}}}'
        reply = service.request("PUT", "/v1/boards/b", data=body, headers=JSON)
        if reply.status == 422:
            assert len(numeral) > 30, numeral
        else:
            assert Decimal(reply.json["score"]["min"]) == Decimal(numeral), numeral
            assert Decimal(service.get("/boards/b")["score"]["min"]) == Decimal(numeral), numeral
