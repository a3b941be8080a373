"""Which of some submissions may be taken up: each player's tokens first, then the game's quota for the day."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from leaderboard.fields import check_player
from leaderboard.limits.keeper import Grant, Keeper, Limit, Wish, daily_submissions, player_submissions
from leaderboard.limits.rules import LimitRules
from leaderboard.limits.standing import Standing, nearest


class Candidate(NamedTuple):
    """A submission that would like to be taken up."""

    game: str
    rules: LimitRules
    player: str


def admit(keeper: Keeper, candidates: Sequence[Candidate]) -> list[Standing | None]:
    """Where each stands; None where no limit applies. What is short goes to the first.

    The quota is asked for those only who have a token, so that it counts what is taken up; and whom it refuses gets the
    token back, so that nobody who kept trying has none left when there is a new quota. An id that no player can
    have is let through: it will be refused for what it is, and has no bucket.
    """
    possible = [_is_player(one.player) for one in candidates]
    tokens = [_bucket_of(one) if is_player else None for one, is_player in zip(candidates, possible, strict=True)]
    found = stand(keeper.take_tokens, tokens)
    quotas = [
        _quota_of(one) if is_player and not (standing and standing.is_refused) else None
        for one, is_player, standing in zip(candidates, possible, found, strict=True)
    ]
    if not any(quotas):
        return found
    days = stand(keeper.take, quotas)
    unused = Counter(token for token, day in zip(tokens, days, strict=True) if token and day and day.is_refused)
    if unused:
        keeper.take_tokens([Wish(token, -count) for token, count in unused.items()])
    return [nearest(both) for both in zip(found, days, strict=True)]


def stand(take: Callable[[Sequence[Wish]], list[Grant]], limits: Sequence[Limit | None]) -> list[Standing | None]:
    """Where each stands after one request to pass its limit; those of one limit together."""
    places: dict[Limit, list[int]] = {}
    for place, limit in enumerate(limits):
        if limit is not None:
            places.setdefault(limit, []).append(place)
    standings: list[Standing | None] = [None] * len(limits)
    wishes = [Wish(limit, len(group)) for limit, group in places.items()]
    grants = take(wishes) if wishes else []
    for group, grant in zip(places.values(), grants, strict=True):
        for number, place in enumerate(group):
            standings[place] = grant.standing if number < grant.granted else grant.refused
    return standings


def _is_player(player: str) -> bool:
    try:
        check_player(player)
    except ValueError:
        return False
    return True


def _bucket_of(candidate: Candidate) -> Limit | None:
    rule = candidate.rules.player_submissions
    return None if rule is None else player_submissions(candidate.game, candidate.player, rule)


def _quota_of(candidate: Candidate) -> Limit | None:
    rule = candidate.rules.daily_submissions
    return None if rule is None else daily_submissions(candidate.game, rule)
