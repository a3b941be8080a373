"""Files of submissions: NDJSON or CSV, gzip or not, or stdin, read line by line."""

import csv
import gzip
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from leaderboard import jsontext
from leaderboard.errors import UnreadableBody
from leaderboard.jsontext import Numeral

_NUMERIC = ("score", "subscore")


@contextmanager
def seekable(file: Path) -> Iterator[IO[bytes]]:
    """The file unpacked or not, as one that can be read twice: stdin goes through a temporary file on disk."""
    if str(file) == "-":
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(sys.stdin.buffer, spool)
            spool.seek(0)
            yield spool
        return
    try:
        opened_file = file.open("rb")
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}.", param_hint="FILE") from error
    with opened_file:
        yield opened_file


def digest(source: IO[bytes], salt: str) -> str:
    """What a load is known by: a digest of the whole file."""
    found = hashlib.sha256(salt.encode())
    while piece := source.read(1024 * 1024):
        found.update(piece)
    source.seek(0)
    return found.hexdigest()[:32]


def documents(source: IO[bytes]) -> Iterator[tuple[int, Any]]:
    """The numbered lines of the file as JSON text or documents; an UnreadableBody stands for one that is none."""
    magic = source.read(2)
    source.seek(0)
    unpacked = gzip.GzipFile(fileobj=source) if magic == b"\x1f\x8b" else source
    try:
        first = unpacked.peek(1)[:4096].lstrip()  # type: ignore[union-attr]  # all files opened here can peek
        yield from _ndjson(unpacked) if first[:1] in (b"{", b"") else _csv(unpacked)
    except (EOFError, gzip.BadGzipFile) as error:
        raise click.ClickException(f"The gzip file is broken: {error}.") from error


def _ndjson(lines: Iterable[bytes]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, line


def _csv(source: Any) -> Iterator[tuple[int, Any]]:
    """Rows by the names in the first line; empty cells are left out."""
    text = io.TextIOWrapper(source, "utf-8", errors="replace", newline="")
    try:
        for number, row in enumerate(csv.DictReader(text), 2):
            yield number, _csv_document(row)
    finally:
        text.detach()


def _csv_document(row: dict[str | Any, str | Any]) -> Any:
    document: dict[str, Any] = {name: cell for name, cell in row.items() if name and cell not in (None, "")}
    for name in _NUMERIC:
        if name in document:
            document[name] = Numeral(document[name])
    if "metadata" in document:
        try:
            document["metadata"] = jsontext.loads(document["metadata"])
        except UnreadableBody as error:
            return error
    return document
