"""Lives of games against the model: ANALYTICS_LIVES of them, from seed ANALYTICS_FROM on, of ANALYTICS_MOVES moves."""

import os
from datetime import timedelta
from random import Random

import pytest

from tests.analytics.drive import BEGIN, DAY, World
from tests.analytics.reads import Journal
from tests.conftest import Service

LIVES = int(os.environ.get("ANALYTICS_LIVES", "2"))
FIRST = int(os.environ.get("ANALYTICS_FROM", "0"))
MOVES = int(os.environ.get("ANALYTICS_MOVES", "40"))
_LAST_LINES = 60


def new_world(service: Service, seed: int) -> World:
    chance = Random(f"analytics {seed}")
    began = BEGIN + chance.randint(0, 365 * 86_400) * timedelta(seconds=1)
    service.clock.set(began)
    object.__setattr__(service.services.settings, "chunk_items", chance.choice([3, 1000]))
    return World(service, chance, Journal(), began, began + chance.choice([120, 250, 390, 600]) * DAY)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + LIVES))
def test_any_life(alone: Service, seed: int) -> None:
    chunk_items = alone.services.settings.chunk_items
    world = new_world(alone, seed)
    try:
        for _ in range(MOVES):
            world.act()
            world.look()
        for game in world.games:
            game.reader.look_everywhere()
    except Exception as error:
        calendars = [game.model.calendar for game in world.games]
        error.add_note("\n".join([*world.journal.lines[-_LAST_LINES:], f"seed {seed}, {calendars}"]))
        raise
    finally:
        world.end()
        object.__setattr__(alone.services.settings, "chunk_items", chunk_items)
