"""Who plays, and who comes back: exact, by player and day."""
