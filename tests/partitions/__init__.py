"""Boards that are spread over several parts, held against boards that are not."""
