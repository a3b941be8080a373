"""The files that pages load: packed once, kept in memory, and named by their content so that browsers keep them."""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

import zstandard
from flask import Response, request

from leaderboard.errors import NotFound

FOLDER = Path(__file__).parent / "static"
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9]+)+", re.ASCII)
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_FOR_EVER = "public, max-age=31536000, immutable"
_SMALLEST = 512


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes out. `packed`: by content encoding, the best first."""

    content_type: str
    tag: str
    body: bytes
    packed: dict[str, bytes]


class Assets:
    """Those of one folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._kept: dict[str, tuple[int, Asset]] = {}

    def url(self, name: str) -> str:
        """Where a file is, its content named too. Raises NotFound."""
        return f"/static/{name}?v={self._get(name).tag}"

    def serve(self, name: str) -> Response:
        """A file. Raises NotFound."""
        found = self._get(name)
        body, encoding = found.body, None
        for offered, packed in found.packed.items():
            if request.accept_encodings.quality(offered) > 0:
                body, encoding = packed, offered
                break
        response = Response(body, content_type=found.content_type)
        response.vary.add("Accept-Encoding")
        response.set_etag(f"{found.tag}-{encoding or 'plain'}")
        if encoding is not None:
            response.headers["Content-Encoding"] = encoding
        is_named = request.args.get("v") == found.tag
        response.headers["Cache-Control"] = _FOR_EVER if is_named else "public, no-cache"
        response.make_conditional(request)
        return response

    def _get(self, name: str) -> Asset:
        path = self._folder / name
        try:
            if _NAME.fullmatch(name) is None:
                raise FileNotFoundError(name)
            changed = path.stat().st_mtime_ns
        except OSError as error:
            raise NotFound(f"There is no file {name!r}.", code="not_found") from error
        known = self._kept.get(name)
        if known is None or known[0] != changed:
            known = self._kept[name] = (changed, _read(path))
        return known[1]


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = {}
    if len(body) >= _SMALLEST and (kind.startswith("text/") or kind.endswith("xml")):
        packed = {"zstd": zstandard.ZstdCompressor(19).compress(body), "gzip": gzip.compress(body, 9, mtime=0)}
    content_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    return Asset(content_type, hashlib.sha256(body).hexdigest()[:12], body, packed)
