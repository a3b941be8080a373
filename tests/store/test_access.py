"""The service over TLS, with a password, as a user who may do no more than the guide says."""

import os
import re
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest
import redis

from leaderboard.app import create_app
from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable
from leaderboard.store import embedded
from leaderboard.store.checkup import findings
from leaderboard.store.checkup.check import Wanted, check
from leaderboard.store.connection import Store, as_text
from leaderboard.store.embedded import EmbeddedStore
from tests.conftest import FakeClock, Service
from tests.periods.running import FreeRun
from tests.topologies import Cluster, Sentinels, free_ports, until
from tests.web.person import Person

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / findings.GUIDE
LOGIN = "leaderboard:secret"
_TICK_SECONDS = 0.05


def rules(user: str) -> list[str]:
    """The rights of a user, as the guide spells them."""
    found = re.search(rf"^ACL SETUSER {user} (.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return ["on", ">secret", *found[1].replace("\\\n", " ").split()[2:]]


def allow(client: "redis.Redis", user: str = "leaderboard") -> None:
    known = {as_text(name) for name in client.execute_command("ACL", "CAT", "connection")}
    wanted = [
        rule for rule in rules(user) if rule != "+client|setinfo" or "client|setinfo" in known
    ]  # Redis 7.2 has it
    client.execute_command("ACL", "SETUSER", user, *wanted)


# The user.


@pytest.fixture
def as_user(tmp_path: Path) -> Iterator[tuple[Service, "redis.Redis"]]:
    """The service as that user, and a client that may do everything."""
    with EmbeddedStore.start(tmp_path / "store", owner="tests") as server:
        admin = redis.Redis.from_url(server.url)
        allow(admin)
        clock = FakeClock()
        url = server.url.replace("unix://", f"unix://{LOGIN}@")
        app = create_app(Settings(data_dir=tmp_path, redis_url=url, read_staleness_ms=0), clock=clock.now)
        service = Service(app, clock)
        service.new_game()
        yield service, admin
        service.services.close()
        admin.close()


def test_the_user_of_the_guide_may_do_all_that_is_done(as_user: tuple[Service, "redis.Redis"]) -> None:
    service, admin = as_user
    use(service)
    person = Person(service, "admin")
    for path in ("/", "/account", "/accounts"):
        person.get(path)
    person.post("/account/sessions/end-all", {"confirm": "yes"}, on="/account")
    person.post("/signin", {"name": person.name, "password": "wrong"}, on="/account")
    person.post("/signout", on="/account")
    denied = [(entry["reason"], entry["object"]) for entry in admin.acl_log()]
    assert denied == []


def test_the_user_may_do_nothing_else(as_user: tuple[Service, "redis.Redis"]) -> None:
    client = as_user[0].services.store.client
    for words in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["GET", "somebody:else"], ["SHUTDOWN"]):
        with pytest.raises(redis.ResponseError, match="permission"):
            client.execute_command(*words)


def test_every_command_of_a_script_is_allowed() -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "leaderboard/store/lua").glob("*.lua"))
    used = {name.lower() for name in re.findall(r"redis\.p?call\('([A-Za-z]+)'", text)}
    assert len(used) > 30
    assert used <= {rule.removeprefix("+") for rule in rules("leaderboard")}


def test_every_key_is_allowed() -> None:
    from leaderboard.store.checkup.keytable import KeyTable  # noqa: PLC0415

    allowed = {rule for rule in rules("leaderboard") if rule.startswith("~")}
    assert {f"~{kind.key.partition(':')[0]}:*" for kind in KeyTable().kinds} == allowed


def test_the_doctors_user_is_told_everything(as_user: tuple[Service, "redis.Redis"]) -> None:
    admin = as_user[1]
    allow(admin, "doctor")
    path = admin.connection_pool.connection_kwargs["path"]
    url = f"unix://doctor:secret@{path}"
    store = Store.connect(Settings(redis_url=url), url)
    try:
        found = check_up(store)
    finally:
        store.close()
    assert [finding.check for finding in found if finding.level == "unknown"] == []
    with pytest.raises(redis.ResponseError, match="permission"):
        redis.Redis.from_url(url).set("lb:x", 1)


def test_what_the_services_own_user_is_not_told(as_user: tuple[Service, "redis.Redis"]) -> None:
    found = check_up(as_user[0].services.store)
    told = {finding.check for finding in found if finding.level == "unknown"}
    assert told == {"appendfsync", "commands", "disk-space", "latency-events", "slow-commands"}
    assert [finding for finding in found if finding.level == "fail"] == []


@pytest.mark.long
def test_on_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    more = re.search(r"On a Cluster add `([^`]+)`", GUIDE.read_text("utf-8"))
    assert more is not None
    for node in cluster.nodes:
        for user in ("leaderboard", "doctor"):
            allow(node.client, user)
        node.client.execute_command("ACL", "SETUSER", "leaderboard", *more[1].split())
        node.client.acl_log_reset()
    served(cluster.url, tmp_path)
    assert [entry["object"] for node in cluster.nodes for entry in node.client.acl_log()] == []


@pytest.mark.long
def test_behind_sentinels(sentinels: Sentinels, tmp_path: Path) -> None:
    nodes = [sentinels.primary(), *sentinels.replicas()]
    for node in nodes:
        for user in ("leaderboard", "doctor"):
            allow(node.client, user)
        node.client.acl_log_reset()
    served(sentinels.url, tmp_path)
    assert [entry["object"] for node in nodes for entry in node.client.acl_log()] == []


def served(url: str, folder: Path) -> None:
    """Uses the service as its user, and looks the store over as the doctor's."""
    clock = FakeClock()
    own, doctors = (url.replace("://", f"://{user}:secret@", 1) for user in ("leaderboard", "doctor"))
    settings = Settings(data_dir=folder, redis_url=own, read_staleness_ms=0, wait_replicas=1)
    service = Service(create_app(settings, clock=clock.now), clock)
    service.new_game()
    try:
        use(service)
    finally:
        service.services.close()
    store = Store.connect(Settings(redis_url=doctors), doctors)
    try:
        assert [finding for finding in check_up(store) if finding.level in ("unknown", "fail")] == []
    finally:
        store.close()


def use(service: Service) -> None:
    """What a service does in a day or two."""

    def send(method: str, path: str, document: Any = None, **headers: str) -> None:
        reply = service.request(method, f"/v1{path}", json=document, headers=headers)
        assert reply.status < 300, (path, reply.body)

    service.put_board("b", periods=["all", "day", "week"], rolling=["24h", "7d"], ties="dense")
    service.put_board("sums", operator="sum", ties="first", score={"min": 0, "max": 10_000})
    send("POST", "/boards/b/scores", {"player": "ada", "score": 3, "metadata": {"a": 1}}, **{"Idempotency-Key": "a"})
    send("POST", "/boards/b/scores", {"player": "ada", "score": 3}, **{"Idempotency-Key": "b"})
    items = [{"board": name, "player": f"p{number}", "score": number} for number in range(20) for name in ("b", "sums")]
    send("POST", "/scores", {"scores": items}, **{"Idempotency-Key": "bulk"})
    for path in (
        "top?window=24h",
        "top?window=7d",
        "top?period=day",
        "distribution",
        "analytics",
        "changes",
        "periods",
    ):
        send("GET", f"/boards/b/{path}")
    for path in ("players/ada", "players/ada?around=2", "scores?min=1", "rank?score=5", "percentile?p=50"):
        send("GET", f"/boards/b/{path}")
    send("POST", "/counters", {"counters": [{"name": "goals", "by": 1}]}, **{"Idempotency-Key": "one"})
    send("GET", "/counters")
    send("PUT", "/funnels/f", {"steps": ["match", "win"]})
    events = [{"name": name, "player": "ada", "value": 1, "properties": {"country": "AT"}} for name in ("match", "win")]
    send("POST", "/events", {"events": events}, **{"Idempotency-Key": "events"})
    days = "from=2026-11-20&to=2026-11-24"
    for path in ("stats/match", "analytics/active", "analytics/retention", "analytics/funnels/f"):
        send("GET", f"/{path}?{days}")
    send("GET", "/analytics/players/ada")
    services, run = service.services, FreeRun()
    service.clock.advance(days=40)
    now = service.clock.now()
    services.sealing.run(now, run)
    services.windows.run(now, run)
    services.captures.run(now, run)
    services.rollup.run(now, run, services.calendar_of)
    services.activity.prune(now, run)
    services.funnels.keep_counts(now, run, services.calendar_of)
    services.snapshots.nightly(now, run)
    send("DELETE", "/players/ada")
    send("DELETE", "/boards/b")


# TLS.


def lacking(what: str) -> NoReturn:
    """Skips on a laptop; CI installs it, and fails without."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs it: {what}")
    pytest.skip(what)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1, its key, and another certificate of the same name."""
    if shutil.which("openssl") is None:
        lacking("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ours", "other"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
    return folder


def servers(folder: Path) -> Iterator[Path]:
    """Servers that may have been built with TLS."""
    with suppress(embedded.EmbeddedStoreError):
        yield embedded.find_server()
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found).absolute()
    for kind in ("valkey", "redis"):  # Debian's tools are the server, by another name
        if found := shutil.which(f"{kind}-check-rdb"):
            link = folder / f"{kind}-server"
            link.symlink_to(Path(found).resolve())
            yield link


@contextmanager
def tls_server(folder: Path, certificate: Path, *options: str) -> Iterator[int]:
    """A server that speaks TLS only, and its port; skips where no server can."""
    [port] = free_ports(1)
    common = ["--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
    tls = ["--tls-cert-file", str(certificate / "ours.crt"), "--tls-key-file", str(certificate / "ours.key")]
    tls += ["--tls-ca-cert-file", str(certificate / "ours.crt"), *options]
    for program in servers(folder):
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, *common, *tls], cwd=folder, stdout=log, stderr=log)
        try:
            if listens(process, port):
                yield port
                return
        finally:
            process.kill()
            process.wait()
    lacking("no server on this machine was built with TLS")


def listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    def tried() -> bool:
        with socket.socket() as probe, suppress(OSError):
            probe.connect(("127.0.0.1", port))
            return True
        return process.poll() is not None

    until(tried, 10)
    return process.poll() is None


class Terminator:
    """What stands before a store that speaks no TLS itself, as managed ones do: TLS outside, its socket inside."""

    def __init__(self, certificate: Path, path: str) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate / "ours.crt", certificate / "ours.key")
        self._path = path
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> int:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._begin(self._accept)
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _begin(self, work: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        self._listener.settimeout(_TICK_SECONDS)
        while not self._ending.is_set():
            with suppress(TimeoutError):
                self._begin(self._serve, self._listener.accept()[0])

    def _serve(self, line: socket.socket) -> None:
        line.settimeout(5)
        with line, socket.socket(socket.AF_UNIX) as inner, suppress(OSError):
            inner.connect(self._path)
            with self._context.wrap_socket(line, server_side=True) as outer:
                while not self._ending.is_set():
                    ready = [outer] if outer.pending() else select.select([outer, inner], [], [], _TICK_SECONDS)[0]
                    if outer in ready and not _passed(outer, inner):
                        return
                    if inner in ready and not _passed(inner, outer):
                        return


def _passed(source: socket.socket, target: socket.socket) -> bool:
    """Hands on what there is; False at the end."""
    source.settimeout(0)
    try:
        piece = source.recv(65_536)
    except (ssl.SSLWantReadError, BlockingIOError):  # it was the protocol's own
        return True
    finally:
        source.settimeout(5)
    target.sendall(piece)
    return bool(piece)


@pytest.fixture(params=["server", "terminator"])
def tls_port(request: pytest.FixtureRequest, tmp_path: Path, certificate: Path) -> Iterator[int]:
    """A store behind TLS that lets in nobody but the user of the guide."""
    if request.param == "server":
        with tls_server(tmp_path, certificate, "--tls-auth-clients", "no") as port:
            admin = redis.Redis("127.0.0.1", port, ssl=True, ssl_ca_certs=str(certificate / "ours.crt"))
            protect(admin)
            yield port
    else:
        with EmbeddedStore.start(tmp_path / "store", owner="tests") as server:
            admin = redis.Redis.from_url(server.url)
            protect(admin)
            with Terminator(certificate, admin.connection_pool.connection_kwargs["path"]) as port:
                yield port


def protect(admin: "redis.Redis") -> None:
    allow(admin)
    allow(admin, "doctor")
    admin.execute_command("ACL", "SETUSER", "default", "off")
    admin.close()


def check_up(store: Store) -> list[findings.Finding]:
    return check(lambda: store.client, Wanted(now=time.time)).findings


def url_of(port: int, certificate: Path, *, login: str = LOGIN, ca: str = "ours") -> str:
    return f"rediss://{login}@127.0.0.1:{port}?ssl_ca_certs={certificate / ca}.crt"


def test_the_service_over_tls(tls_port: int, certificate: Path, tmp_path: Path) -> None:
    clock = FakeClock()
    url = url_of(tls_port, certificate)
    app = create_app(Settings(data_dir=tmp_path, redis_url=url, read_staleness_ms=0), clock=clock.now)
    service = Service(app, clock)
    service.new_game()
    try:
        use(service)
        assert service.request("GET", "/readyz").status == 200
    finally:
        service.services.close()


def test_who_is_not_let_in(tls_port: int, certificate: Path) -> None:
    for url in (
        url_of(tls_port, certificate, ca="other"),
        url_of(tls_port, certificate, login="leaderboard:wrong"),
        url_of(tls_port, certificate).replace(f"{LOGIN}@", ""),
        f"rediss://{LOGIN}@127.0.0.1:{tls_port}",  # the certificate is nobody's that this machine trusts
        f"redis://{LOGIN}@127.0.0.1:{tls_port}",
    ):
        hasty = Settings(redis_url=url, redis_retries=0, redis_timeout_seconds=0.5)
        store = Store.connect(hasty, url)
        with pytest.raises(StoreUnavailable):
            store.ping()
        store.close()


def test_the_check_up_sees_it(tls_port: int, certificate: Path) -> None:
    url = url_of(tls_port, certificate, login="doctor:secret")
    store = Store.connect(Settings(redis_url=url), url)
    try:
        found = {finding.check: finding for finding in check_up(store)}
    finally:
        store.close()
    assert (found["tls"].level, found["tls"].seen) == ("ok", "reached by TLS")
    assert (found["password"].level, found["password"].seen) == ("ok", "nobody gets in without a password")
    assert found["version"].level == "ok"


def test_certificates_of_clients(certificate: Path, tmp_path: Path) -> None:
    with tls_server(tmp_path, certificate, "--tls-auth-clients", "yes") as port:
        known = f"&ssl_certfile={certificate}/ours.crt&ssl_keyfile={certificate}/ours.key"
        for more, enters in ((known, True), ("", False)):
            url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}/ours.crt{more}"
            store = Store.connect(Settings(redis_url=url, redis_retries=0), url)
            try:
                levels = {one.check: one.level for one in check_up(store)}
                assert (levels.get("store"), levels.get("password")) == (("ok", "ok") if enters else ("fail", None))
            finally:
                store.close()
