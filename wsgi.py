"""The app for any WSGI server: `gunicorn -c scripts/gunicorn.conf.py wsgi:app`."""

from leaderboard.app import create_app

app = create_app()
