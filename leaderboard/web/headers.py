"""What browsers are told about pages: what they may load, who may frame them, what may be kept."""

from typing import Final

from flask import Flask, Response, g, request

from leaderboard.web import sessions

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)
# Swagger UI puts styles into the page by itself; it takes nothing that a visitor could have written.
_DOCS_POLICY: Final = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'") + "'none'"
_NO_RIGHTS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def install(app: Flask) -> None:
    """Sets the headers of every page."""

    @app.after_request
    def tell(response: Response) -> Response:
        # Whatever the session's owner sees is nobody else's, also what is no page.
        if sessions.known() is not None:
            response.headers["Cache-Control"] = "no-store"
        if response.mimetype != "text/html":
            return response
        response.headers.setdefault("Cache-Control", "no-store")
        is_embeddable = g.get("is_embeddable", False)
        is_docs = request.path == "/docs" or request.path.startswith("/docs/")
        policy = _DOCS_POLICY if is_docs else _POLICY + ("*" if is_embeddable else "'none'")
        response.headers["Content-Security-Policy"] = policy
        if not is_embeddable:
            response.headers["X-Frame-Options"] = "DENY"
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = _NO_RIGHTS
        return response
