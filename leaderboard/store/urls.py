"""Where a store is, from one URL.

    redis://, rediss://, unix://                            one server
    redis+sentinel://host:port,host:port/service[/db]       a primary that Sentinels know, and its replicas
    redis+cluster://host:port,host:port                     a Cluster; some of its nodes, which know the others

`user:password@` may stand before the hosts, and TLS is `rediss+...`. Options behind a `?`: `sentinel_username` and
`sentinel_password`, and those of redis-py for TLS (`ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from leaderboard.errors import ConfigError

SENTINEL, CLUSTER = "sentinel", "cluster"
_DEFAULT_PORTS = {SENTINEL: 26379, CLUSTER: 6379}
_OPTIONS = ("sentinel_username", "sentinel_password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")


@dataclass(frozen=True, slots=True)
class Location:
    """Where several nodes are."""

    kind: str  # sentinel or cluster
    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    connecting: Mapping[str, Any] = field(default_factory=dict)  # options of a connection to a node
    asking: Mapping[str, Any] = field(default_factory=dict)  # options of a connection to a Sentinel


def parse(url: str) -> Location | None:
    """What a URL of several nodes says; None for one server's. Raises ConfigError."""
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if not kind:
        return None
    if kind not in _DEFAULT_PORTS or scheme not in ("redis", "rediss"):
        raise ConfigError(f"A store's URL does not begin with {parts.scheme}://.")
    login, _, hosts = parts.netloc.rpartition("@")
    options = _options(parts.query)
    connecting: dict[str, Any] = {name: value for name, value in options.items() if name.startswith("ssl_")} | _login(
        login
    )
    asking: dict[str, Any] = {name: value for name, value in connecting.items() if name.startswith("ssl_")}
    for name in ("username", "password"):
        if f"sentinel_{name}" in options:
            asking[name] = options[f"sentinel_{name}"]
    if scheme == "rediss":
        connecting["ssl"] = asking["ssl"] = True
    service, _, database = parts.path.strip("/").partition("/")
    if kind == SENTINEL and not service:
        raise ConfigError("The URL of Sentinels ends with the name they know the primary by: redis+sentinel://…/name.")
    if kind == CLUSTER and parts.path.strip("/"):
        raise ConfigError("A Cluster has no databases: nothing follows the hosts in its URL.")
    if database:
        connecting["db"] = _number(database, "database")
    return Location(kind, _hosts(hosts, _DEFAULT_PORTS[kind]), unquote(service), connecting, asking)


def _options(query: str) -> dict[str, str]:
    found = dict(parse_qsl(query))
    unknown = sorted(found.keys() - set(_OPTIONS))
    if unknown:
        raise ConfigError(f"A store's URL has the options {', '.join(_OPTIONS)}; not {unknown[0]!r}.")
    return found


def _login(text: str) -> dict[str, str]:
    if not text:
        return {}
    user, _, password = text.partition(":")
    found = {"password": unquote(password)}
    return found | {"username": unquote(user)} if user else found


def _hosts(text: str, default_port: int) -> tuple[tuple[str, int], ...]:
    found = []
    for one in filter(None, text.split(",")):
        host, colon, port = one.rpartition(":")
        if not colon or one.endswith("]"):  # an IPv6 address has colons of its own
            host, port = one, ""
        found.append((host.strip("[]"), _number(port, "port") if port else default_port))
    if not found or not all(host for host, _ in found):
        raise ConfigError("A store's URL names hosts: host:port,host:port.")
    return tuple(found)


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise ConfigError(f"{text!r} in the store's URL is no {what}.")
    return int(text)
