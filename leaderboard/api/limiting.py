"""Where requests meet their limits, and how answers tell of it.

A request that went the short way first, and passed its limit there, is not asked twice: its standing comes along in the
WSGI environment, where no client can put anything.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from flask import Flask, Response, g, request

from leaderboard.games.access import Identity
from leaderboard.limits.admission import Candidate, admit
from leaderboard.limits.keeper import Wish, key_reads
from leaderboard.limits.standing import Standing, nearest
from leaderboard.services import Services

PASSED: Final = "leaderboard.standing"  # in an ASGI scope and in a WSGI environment


def install(app: Flask) -> None:
    """Makes the app tell in its answers where callers stand."""

    @app.after_request
    def tell(response: Response) -> Response:
        standing: Standing | None = g.get("standing")
        if standing is not None:
            response.headers.extend(standing.headers)
        return response


def check_read(services: Services, identity: Identity) -> None:
    """Counts a read of a key. Raises TooManyRequests."""
    if not _has_passed():
        rule = services.limits.of(identity.game).key_reads
        if rule is not None:
            (grant,) = services.keeper.take([Wish(key_reads(identity.key_id, rule), 1)])
            _go_on(grant.standing if grant.granted else grant.refused)


def check_submission(services: Services, identity: Identity, player: str) -> None:
    """Counts a submission that is about to be taken up. Raises TooManyRequests."""
    if not _has_passed():
        rules = services.limits.of(identity.game)
        if rules.limits_submissions:
            _go_on(admit(services.keeper, [Candidate(identity.game, rules, player)])[0])


def over_limits(services: Services, identity: Identity, players: Sequence[str]) -> Mapping[str, Sequence[int]]:
    """Counts many submissions; why some of them are over a limit: what there is to say -> their places."""
    rules = services.limits.of(identity.game)
    if not players or not rules.limits_submissions:
        return {}
    standings = admit(services.keeper, [Candidate(identity.game, rules, player) for player in players])
    g.standing = nearest(standings)
    found: dict[str, list[int]] = {}
    for place, standing in enumerate(standings):
        if standing is not None and standing.is_refused:
            found.setdefault(standing.rule_detail, []).append(place)
    return found


def _has_passed() -> bool:
    """Whether this request was counted already: on the short way, or when its view was called before."""
    if PASSED in request.environ:
        g.standing = request.environ[PASSED]
    return "standing" in g


def _go_on(standing: Standing | None) -> None:
    if standing is not None and standing.is_refused:
        raise standing.error
    g.standing = standing
