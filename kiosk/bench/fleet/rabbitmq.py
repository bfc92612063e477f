"""A private RabbitMQ on loopback: one node, or a cluster of some on this machine."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kiosk.errors import BrokerError

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's own start script; the one in /usr/sbin insists on the system's user and folders."""

START_S = 60.0
STOP_S = 20.0
POLL_S = 0.05

ERLANG = " ".join(
    (
        "+S 1:1 +SDcpu 1:1 +SDio 1 +A 1",  # one scheduler: the machine is small and shared
        "+sbwt none +sbwtdcpu none +sbwtdio none",  # an idle scheduler sleeps
        "-kernel inet_dist_use_interface {127,0,0,1}",
    )
)
"""How each node's virtual machine is held small and on loopback."""

MEMORY_MIB = 512
"""Above this a node lets no publisher go on; three nodes must fit beside what is measured."""


PARENT_DIED = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

VHOST = "/"

PLUGINS = "[rabbitmq_mqtt].\n"

LIBC = ctypes.CDLL(None)


def _die_with_parent() -> None:
    # Whoever is killed in the middle of a measurement must not leave a cluster behind.
    LIBC.prctl(PARENT_DIED, signal.SIGKILL)


@dataclass(frozen=True)
class User:
    """Who may do everything."""

    password: str


def definitions(users: Mapping[str, User]) -> dict[str, Any]:
    """What RabbitMQ loads at its start: a virtual host and these users."""
    return {
        "vhosts": [{"name": VHOST}],
        "users": [
            {"name": name, "password_hash": password_hash(user.password), "tags": ""}
            for name, user in users.items()
        ],
        "permissions": [
            {"user": name, "vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"}
            for name in users
        ],
    }


def password_hash(password: str) -> str:
    """As RabbitMQ keeps it: a salt of four bytes, then SHA-256 of salt and password."""
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


@dataclass
class Node:
    """One node; ``host`` and its ports stay the same over restarts."""

    name: str
    host: str
    amqp_port: int
    mqtt_port: int
    distribution_port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            BrokerError: it does not run.
        """
        if self.process is None:
            raise BrokerError(f"{self.name} does not run")
        return self.process.pid

    def listens(self) -> bool:
        """Whether it takes connections of both kinds."""
        return all(_answers(self.host, port) for port in (self.amqp_port, self.mqtt_port))


class PrivateRabbit:
    """Nodes as children, each on a loopback address of its own with the same two ports.

    As a context manager it starts them all, and ends them and their name service.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 1,
        users: Mapping[str, User] | None = None,
        loaded: Mapping[str, Any] | None = None,
        config: Callable[[Node], str] | None = None,
        plugins: str = PLUGINS,
    ) -> None:
        """Write what they need; nothing is started.

        Args:
            folder: where configuration, logs and messages go.
            nodes: how many; they form one cluster.
            users: by name.
            loaded: definitions to load instead: users, rights, queues.
            config: makes the ``rabbitmq.conf`` of a node; by default without TLS.
            plugins: content of ``enabled_plugins``.

        Raises:
            BrokerError: RabbitMQ is not installed.
        """
        if not SERVER.exists():
            raise BrokerError(
                "RabbitMQ is not installed",
                hint="apt-get install --no-install-recommends rabbitmq-server",
            )
        self._folder = folder
        hosts = [f"127.0.0.{number}" for number in range(1, nodes + 1)]
        amqp_port, mqtt_port = (_free_port(hosts) for _ in range(2))
        self._names_port = _free_port(hosts)
        self._names: subprocess.Popen[bytes] | None = None
        self.nodes = [
            Node(f"kiosk{number}@localhost", host, amqp_port, mqtt_port, _free_port(hosts))
            for number, host in enumerate(hosts, 1)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        cookie = folder / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(20))
            cookie.chmod(0o400)
        (folder / "environment").write_text("")
        (folder / "plugins").write_text(plugins)
        kept = folder / "definitions.json"
        kept.write_text(json.dumps(loaded or definitions(users or {})))
        kept.chmod(0o600)
        for node in self.nodes:
            (folder / f"{node.name}.conf").write_text((config or self._config)(node))

    @property
    def amqp_hosts(self) -> list[str]:
        """The nodes as ``central.ingest.amqp_hosts`` wants them."""
        return [f"{node.host}:{node.amqp_port}" for node in self.nodes]

    @property
    def mqtt_port(self) -> int:
        """Where every node takes MQTT."""
        return self.nodes[0].mqtt_port

    def start(self, nodes: Sequence[Node] | None = None) -> None:
        """Start nodes side by side; returns when each takes connections.

        A node that opens its ports has joined the cluster before.

        Raises:
            BrokerError: one does not start in time.
        """
        started = [node for node in nodes or self.nodes if node.process is None]
        self._start_names()
        for node in started:
            with (self._folder / f"{node.name}.out").open("ab") as out:
                node.process = subprocess.Popen(
                    [str(SERVER)],
                    env=self._environment(node),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    cwd=self._folder,
                    process_group=0,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509
                )
        deadline = time.monotonic() + START_S
        for node in started:
            while not node.listens():
                ended = node.process is None or node.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise BrokerError(
                        f"{node.name} does not start", hint=f"see {self._folder}/{node.name}.log"
                    )
                time.sleep(POLL_S)

    def end(self, node: Node, number: int = signal.SIGTERM) -> None:
        """End one node: with ``SIGTERM`` in good order, with ``SIGKILL`` at once."""
        process, node.process = node.process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End everything at once: nothing of it is kept."""
        for node in self.nodes:
            self.end(node, signal.SIGKILL)
        names, self._names = self._names, None
        if names is not None:
            names.kill()
            names.wait()

    def __enter__(self) -> PrivateRabbit:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_names(self) -> None:
        if self._names is not None:
            return
        # Without a name service the first node would leave one running for good.
        self._names = subprocess.Popen(
            ["epmd", "-port", str(self._names_port), "-address", "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        )
        deadline = time.monotonic() + START_S
        while not _answers("127.0.0.1", self._names_port):
            if self._names.poll() is not None or time.monotonic() > deadline:
                raise BrokerError("epmd, which RabbitMQ's nodes find each other by, does not start")
            time.sleep(POLL_S)

    def _environment(self, node: Node) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._names_port),
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node: one process to end
            "RABBITMQ_CONF_ENV_FILE": str(folder / "environment"),
            "RABBITMQ_CONFIG_FILE": str(folder / f"{node.name}.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_NODENAME": node.name,
            "RABBITMQ_DIST_PORT": str(node.distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_LOGS": str(folder / f"{node.name}.log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / f"{node.name}.generated"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        }

    def _config(self, node: Node) -> str:
        lines = [
            f"listeners.tcp.1 = {node.host}:{node.amqp_port}",
            f"mqtt.listeners.tcp.1 = {node.host}:{node.mqtt_port}",
            "mqtt.allow_anonymous = false",
            "mqtt.exchange = amq.topic",
            f"vm_memory_high_watermark.absolute = {MEMORY_MIB}MiB",
            "disk_free_limit.absolute = 50MB",
            "log.file.level = info",
            f"load_definitions = {self._folder / 'definitions.json'}",
        ]
        if len(self.nodes) > 1:
            lines.append("cluster_formation.peer_discovery_backend = classic_config")
            lines += [
                f"cluster_formation.classic_config.nodes.{number} = {other.name}"
                for number, other in enumerate(self.nodes, 1)
            ]
        return "\n".join(lines) + "\n"


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _free_port(hosts: Sequence[str]) -> int:
    """A port that is free on all of these addresses."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind((hosts[0], 0))
            port = int(first.getsockname()[1])
            try:
                for host in hosts[1:]:
                    stack.enter_context(socket.socket()).bind((host, port))
            except OSError:
                continue
            return port
