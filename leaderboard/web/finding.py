"""What an address names has to be there: a page about a game that nobody made is a 404."""

from leaderboard.errors import NotFound
from leaderboard.web.rendering import services


def require_game(game: str) -> None:
    """Raises NotFound (`unknown_game`), DatabaseUnavailable."""
    if not services().access.game_exists(game):
        raise NotFound(f"There is no game {game!r}.", code="unknown_game")
