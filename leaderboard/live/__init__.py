"""Boards as they change: what moved, and telling those who listen."""
