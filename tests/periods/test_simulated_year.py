"""A year of three boards in three time zones: scores, backfills, removals, and a scheduler that gets killed.

SIMULATED_YEARS=200 plays that many seeds more; SIMULATED_FROM says where they begin.
"""

import os

import pytest

from tests.conftest import Service
from tests.periods.year import Year, fail_with
from tests.periods.year_checks import look_closely, settle
from tests.periods.year_life import Life

_OPERATIONS = int(os.environ.get("SIMULATED_OPERATIONS", "60"))
_FIRST = int(os.environ.get("SIMULATED_FROM", "1000"))
_BY_HAND = range(_FIRST, _FIRST + int(os.environ.get("SIMULATED_YEARS", "0")))


def live(service: Service, seed: int, monkeypatch: pytest.MonkeyPatch, operations: int = _OPERATIONS) -> None:
    service.one_thread = True
    year = Year(service, seed, monkeypatch)
    try:
        for number in Life(year, operations).steps():
            if number == operations // 2:
                faults = settle(year)
                assert not faults, "half-way"
        faults = settle(year)
        assert not faults
        look_closely(year, 3)
    except Exception as error:  # noqa: BLE001 - whatever it is, the seed belongs to it
        fail_with(year, seed, [*locals().get("faults", []), f"{type(error).__name__}: {error}"])
    finally:
        year.end()


@pytest.mark.parametrize("seed", [3006])  # the seeds here and below met faults once
def test_a_year(service: Service, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    live(service, seed, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 3019, *range(100, 120)])
def test_many_years(service: Service, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    live(service, seed, monkeypatch)


if _BY_HAND:

    @pytest.mark.parametrize("seed", _BY_HAND)
    def test_years_by_hand(service: Service, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        live(service, seed, monkeypatch)
