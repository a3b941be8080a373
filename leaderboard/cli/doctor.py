"""`leaderboard doctor`: checks a live store and database, and tells of each finding what to do."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime

import click

from leaderboard import jsontext
from leaderboard.checkup.examination import look, of_store, of_work
from leaderboard.cli.context import say, store_options
from leaderboard.config import Settings
from leaderboard.services import system_clock
from leaderboard.store.checkup.check import Wanted, in_memory
from leaderboard.store.checkup.findings import Finding, fail, in_order, listed, passes
from leaderboard.store.connection import Store
from leaderboard.store.embedded import borrow
from leaderboard.store.folder import EmbeddedStoreError

_WORDS = {"ok": "ok", "unknown": "?", "warn": "warn", "fail": "FAIL"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--strict", is_flag=True, help="Warnings count as failures.")
@click.option("--full", is_flag=True, help="Look at every key of the store, not at the first 20,000 of each server.")
@store_options
@click.pass_context
def doctor(context: click.Context, as_json: bool, strict: bool, full: bool, settings: Settings) -> None:
    """Check store, database and jobs as they are now, and tell of each finding what to do.

    Changes nothing. Exit status 1 if anything failed.
    """
    found = in_order(examine(settings, system_clock(), full=full))
    good = passes(found, strict=strict)
    if as_json:
        click.echo(jsontext.dumps({"ok": good, "findings": [_document(finding) for finding in found]}))
    else:
        for line in _lines(found):
            click.echo(line)
        say(_summary(found))
    context.exit(0 if good else 1)


def examine(settings: Settings, now: datetime, *, full: bool = False) -> Iterator[Finding]:
    """All findings, in no order."""
    findings, contents = look(settings)
    yield from findings
    if contents is not None:
        yield from of_work(contents, settings, now)
    if settings.in_memory:
        yield from in_memory().findings
        return
    wanted = Wanted(
        now=lambda: system_clock().timestamp(),
        embedded=settings.redis_url is None,
        replicas=settings.wait_replicas,
        all_keys=full,
    )
    try:
        with _store(settings) as store:
            yield from of_store(lambda: store.client, wanted, contents, now)
    except EmbeddedStoreError as error:
        yield fail("store", error.detail, "End whoever holds the folder, or name another: LEADERBOARD_DATA_DIR.")


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    """The store that is configured, or the embedded one: the running one, or started for the block."""
    with ExitStack() as stack:
        url = settings.redis_url or stack.enter_context(borrow(settings.data_dir, owner="leaderboard doctor"))
        store = Store.connect(settings, url)
        stack.callback(store.close)
        yield store


def _document(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "level": finding.level,
        "server": finding.node or None,
        "seen": finding.seen,
        "remedy": finding.remedy or None,
        "link": finding.link,
    }


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    width = max(len(finding.check) for finding in findings)
    for finding in _together(findings):
        where = f"  [{finding.node}]" if finding.node else ""
        yield f"{_WORDS[finding.level]:<4}  {finding.check:<{width}}  {_seen(finding)}{where}"
        if finding.remedy:
            yield f"{'':<6}{'':<{width}}  -> {finding.remedy}"
        if finding.level in ("warn", "fail"):
            yield f"{'':<6}{'':<{width}}     {finding.link}"


def _seen(finding: Finding) -> str:
    return f"could not be asked: {finding.seen}" if finding.level == "unknown" else finding.seen


def _together(findings: Sequence[Finding]) -> Iterator[Finding]:
    """What several servers have alike as one line; of what is well, also where they are not quite alike."""
    nodes: dict[tuple[str, ...], list[str]] = {}
    first: dict[tuple[str, ...], Finding] = {}
    for finding in findings:
        kind = (finding.check, finding.level, *(() if finding.level == "ok" else (finding.seen,)))
        first.setdefault(kind, finding)
        nodes.setdefault(kind, []).append(finding.node)
    for kind, finding in first.items():
        yield replace(finding, node=listed(nodes[kind], len(nodes[kind]) if finding.remedy else 1))


def _summary(findings: Sequence[Finding]) -> str:
    count = Counter(finding.level for finding in findings)
    return (
        f"{count['ok']} well, {count['warn']} warnings, {count['fail']} failures, "
        f"{count['unknown']} could not be asked."
    )
