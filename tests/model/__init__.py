"""A second, slow and plain description of what a leaderboard answers, to hold the service against."""
