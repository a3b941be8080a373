"""The jobs and when they run."""
