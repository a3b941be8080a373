"""The first page, and the API's documentation; neither needs the internet."""

from flask import Flask, render_template
from flask_swagger_ui import get_swaggerui_blueprint

from leaderboard import __version__


def install(app: Flask) -> None:
    """Adds `/` and `/docs`."""
    app.add_url_rule("/", "home", _home)
    swagger = get_swaggerui_blueprint(
        "/docs",
        "/openapi.json",
        config={"app_name": "Leaderboard API", "persistAuthorization": True, "validatorUrl": None},
        blueprint_name="docs",
    )
    app.register_blueprint(swagger)


def _home() -> str:
    return render_template("home.html", version=__version__)
