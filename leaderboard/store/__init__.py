"""The hot store: connection, keys, scripts, locks."""
