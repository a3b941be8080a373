"""gunicorn -c scripts/gunicorn.conf.py wsgi:app — for those who run the stores themselves."""

from leaderboard import gunicorn_options
from leaderboard.config import Settings

globals().update(gunicorn_options.of(Settings.from_env()))
