"""Self-hosted leaderboards, gamification and analytics over Valkey or Redis."""

__version__ = "0.1.0"
