"""Each part of the service fails, with real processes: the tests follow the table of docs/failures.md row by row."""
