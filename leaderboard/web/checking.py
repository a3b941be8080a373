"""The check-up as the page of operations has it made: of the database and the store that this process works with."""

from leaderboard.archive.job_runs import JobRuns
from leaderboard.checkup import examination
from leaderboard.checkup.examination import Contents
from leaderboard.errors import DatabaseUnavailable
from leaderboard.services import Services
from leaderboard.store.checkup.check import Wanted, in_memory
from leaderboard.store.checkup.findings import Finding
from leaderboard.store.embedded import running_url
from leaderboard.store.folder import EmbeddedStoreError


def of_database(wired: Services) -> list[Finding]:
    """The database, and the work of the schedulers that it tells of."""
    findings, contents = examination.look_at(wired.database, wired.settings.workers, lambda: _contents(wired))
    if contents is not None:
        findings += examination.of_work(contents, wired.settings, wired.clock())
    return findings


def of_store(wired: Services) -> list[Finding]:
    """The store, with what waits there to be sealed and what is nobody's, if the database says what is to be there."""
    if wired.settings.in_memory:
        return in_memory().findings
    wanted = Wanted(
        now=lambda: wired.clock().timestamp(), embedded=_is_embedded(wired), replicas=wired.settings.wait_replicas
    )  # fmt: skip
    try:
        contents = _contents(wired)
    except DatabaseUnavailable:  # which the other half tells of
        contents = None
    return list(examination.of_store(lambda: wired.store.client, wanted, contents, wired.clock()))


def _contents(wired: Services) -> Contents:
    return examination.contents_of(wired.games.all(), wired.registry.everywhere(), JobRuns(wired.database).last())


def _is_embedded(wired: Services) -> bool:
    """Whether it is the private store of the data folder, whose options are not the operator's."""
    url = wired.settings.redis_url
    try:
        return url is None or (url.startswith("unix:") and url == running_url(wired.settings.data_dir))
    except EmbeddedStoreError:
        return False
