"""Boards: their definition, sort keys, periods, submissions and rankings."""
