"""The HTTP API: one module a resource, schemas beside it."""
