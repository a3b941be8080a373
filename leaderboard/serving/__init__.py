"""How requests come in: gunicorn's event loop, threads for Flask behind it, and a short way for the hot ones."""
