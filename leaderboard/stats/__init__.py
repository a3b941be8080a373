"""Counters and date-keyed stats."""
