"""Three nodes of RabbitMQ, two workers, PostgreSQL: what a death under load costs."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from kiosk.bench.fleet.checking import Check
from kiosk.bench.fleet.children import end, start_child
from kiosk.bench.fleet.devices import Task
from kiosk.bench.fleet.gang import Gang
from kiosk.bench.fleet.load import busy_hour
from kiosk.bench.fleet.outboxes import MESSAGES
from kiosk.bench.fleet.rabbitmq import PrivateRabbit
from kiosk.central.courier import Draft, publish_document
from kiosk.central.store import open_database
from kiosk.simulate import Fleet
from tests import postgres
from tests.mosquitto import wait_for
from tests.rabbitmq import PASSWORD, Sender, deployed, depth, settings_for_amqp

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

DEVICES = 300
QUEUE = "kiosk-up-cluster"
WORKER = (
    "import sys; from pathlib import Path; from kiosk.config import load_settings; "
    "from kiosk.service import set_up_logging; set_up_logging('ingest', 'info'); "
    "from kiosk.central.ingest import run_ingest; run_ingest(load_settings(Path(sys.argv[1])))"
)


class Cluster:
    """Everything that runs, and how far the devices are."""

    def __init__(self, folder, stack):
        self._folder, self._stack = folder, stack
        self.rabbit = stack.enter_context(
            PrivateRabbit(folder / "rabbit", nodes=3, loaded=deployed())
        )
        self.settings = settings_for_amqp(
            folder, self.rabbit, QUEUE, central={"database": postgres.database()}
        )
        self.engine = open_database(self.settings.central)
        self.fleet = Fleet(DEVICES, 7)
        self.hour = busy_hour(self.fleet, datetime.now(UTC))
        self.workers = {slot: self.start_worker(slot) for slot in (1, 2)}
        wait_for(lambda: depth(self.rabbit, QUEUE) >= 0, "a worker has made the queue", 60)
        wait_for(lambda: self.count("workers") == 2, "both workers are at work", 60)
        self.gangs = [Gang(self._task(number), folder) for number in range(3)]
        for gang in self.gangs:
            stack.callback(gang.close)
        wait_for(lambda: all(gang.ready for gang in self.gangs), "the devices are ready", 60)

    def start_worker(self, slot):
        ingest = {"slot": slot, "slots": 2, "batch_max": 100, "amqp_prefetch": 200}
        data = self.settings.model_dump(mode="json")
        data["central"]["ingest"] |= ingest
        config = self._folder / f"worker-{slot}.yaml"
        config.write_text(yaml.safe_dump(data))
        process = start_child(
            [sys.executable, "-c", WORKER, str(config)], self._folder / f"worker-{slot}.log"
        )
        self._stack.callback(end, process)
        return process

    def count(self, table):
        with self.engine.connect() as connection:
            return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()

    def acknowledged(self):
        return sum(gang.said.get("acknowledged", 0) for gang in self.gangs)

    def until(self, share):
        wanted = share * DEVICES * MESSAGES
        wait_for(lambda: self.acknowledged() >= wanted, f"{share:.0%} are acknowledged", 180)

    def publish_document(self):
        draft = Draft("config", str(self.fleet.branch(0)), {})
        with self.engine.begin() as connection:
            now, key = datetime.now(UTC), Ed25519PrivateKey.generate()
            publish_document(connection, draft, "a test", now, key)

    def keeps_document(self, node):
        topic = self.fleet.branch(0).topic("down/config")
        later = Sender(self.rabbit, topic=topic, node=node)
        time.sleep(0.3)
        found = [retained for _, _, retained in later.messages]
        later.close()
        return found == [True]

    @property
    def log(self):
        return "".join(path.read_text() for path in sorted(self._folder.glob("worker-*.log")))

    def _task(self, number):
        node = self.rabbit.nodes[number]
        return Task(
            host=node.host,
            port=node.mqtt_port,
            devices=DEVICES,
            sites=self.fleet.sites,
            seed=7,
            hour=self.hour.isoformat(),
            first=number,
            step=3,
            connections=20,
            window=100,
            patience_s=8.0,
            duplicates=0.02,
            disorder=0.05,
            health=True,
            username="fleet",
            password=PASSWORD,
        )


def test_a_node_and_a_worker_killed_under_load_lose_and_double_nothing(tmp_path):
    with ExitStack() as stack:
        cluster = Cluster(tmp_path, stack)
        began = time.monotonic()
        for gang in cluster.gangs:
            gang.go()
        cluster.until(0.2)
        cluster.workers[2].kill()
        cluster.workers[2].wait()
        cluster.until(0.35)
        # The first worker declared the queue at this node, so its leader is there.
        first = cluster.rabbit.nodes[0]
        cluster.rabbit.end(first, signal.SIGKILL)
        cluster.until(0.6)
        assert cluster.acknowledged() < DEVICES * MESSAGES, "nothing was under way any more"
        cluster.publish_document()
        cluster.start_worker(2)
        cluster.rabbit.start()
        wait_for(
            lambda: all(gang.finished for gang in cluster.gangs), "every device has its answer", 240
        )
        seconds = time.monotonic() - began
        wait_for(lambda: cluster.count("marks") == 0, "the sums are made", 60)
        wait_for(lambda: depth(cluster.rabbit, QUEUE, 1) == 0, "the queue is empty", 60)
        verdict = Check(cluster.engine, cluster.fleet, cluster.hour).run()
        sent = [gang.said for gang in cluster.gangs]
        print(f"{seconds:.1f} s; {asdict(verdict)}; {sent}")
        assert verdict.examples == []
        assert (verdict.lost, verdict.doubled, verdict.altered, verdict.sums_wrong) == (0, 0, 0, 0)
        assert verdict.rows_found == verdict.rows_expected == DEVICES * MESSAGES
        assert cluster.count("conflicts") == 0
        assert sum(one["again"] for one in sent) > 0, "what the node took with it was sent again"
        assert cluster.log.count("event=queue_lost") >= 1, "a worker's connection broke"
        for number in range(3):
            wait_for(lambda at=number: cluster.keeps_document(at), f"node {number} keeps it", 60)
        cluster.engine.dispose()
