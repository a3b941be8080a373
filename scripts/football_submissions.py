#!/usr/bin/env python3
"""Turns football results into submissions: one match is two clubs' points, goals and, for a winner, its margin.

    zcat results.ndjson.gz | scripts/football_submissions.py [--league en.1] [--season 2023-24] > submissions.ndjson

Reads NDJSON with league, season, date, time, home, away, home_goals, away_goals. A result without a time counts at
noon; times are taken as UTC, because a league's own zone is not in the data and no match lies near enough to midnight
to change its day.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any


def submissions(match: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What one match gives, board by board."""
    at = f"{match['date']}T{(match['time'] or '12:00').zfill(5)}:00Z"
    sides = (
        (match["home"], match["home_goals"], match["away_goals"]),
        (match["away"], match["away_goals"], match["home_goals"]),
    )
    for club, scored, conceded in sides:
        margin = scored - conceded
        points = 3 if margin > 0 else 1 if margin == 0 else 0
        yield {"board": "points", "player": club, "score": points, "subscore": margin, "at": at}
        yield {"board": "goals", "player": club, "score": scored, "at": at}
        if margin > 0:
            against = match["away"] if club == match["home"] else match["home"]
            yield {
                "board": "biggest_win",
                "player": club,
                "score": margin,
                "at": at,
                "metadata": {"against": against, "result": f"{scored}:{conceded}"},
            }


def main() -> None:
    """Filters stdin to stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--league", help="only this one, such as en.1")
    parser.add_argument("--season", help="only this one, such as 2023-24")
    wanted = parser.parse_args()
    for line in sys.stdin:
        match = json.loads(line)
        if (wanted.league or match["league"]) == match["league"] and (wanted.season or match["season"]) == match[
            "season"
        ]:
            for submission in submissions(match):
                sys.stdout.write(json.dumps(submission, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
