"""The API's documentation, to be tried out; it needs nothing from the internet."""

from flask import Flask
from flask_swagger_ui import get_swaggerui_blueprint

from leaderboard.web import rendering


def install(app: Flask) -> None:
    """Adds `/docs/`: Swagger UI from its package, in a page of ours that has no script inside."""
    app.add_url_rule("/docs/", "api_docs", _docs)
    app.add_url_rule("/docs/index.html", "api_docs", _docs)
    app.register_blueprint(get_swaggerui_blueprint("/docs", "/openapi.json", blueprint_name="docs"))


def _docs() -> str:
    return rendering.render("docs.html")
