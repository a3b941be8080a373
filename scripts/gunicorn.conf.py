"""gunicorn -c scripts/gunicorn.conf.py wsgi:app — for those who run the stores themselves."""

from leaderboard.config import Settings
from leaderboard.serving import options

globals().update(options.of(Settings.from_env()))
