"""How fast a librdkafka program writes and reads: on the gateway, on other stand-ins for Kafka, on a real broker.

`python bench.py TERRARIUM`, with confluent-kafka installed. When KAFKA_JARS names the folder of Kafka's own jars, a
real broker of theirs is started too; when KFAKE names the program, franz-go's fake broker. All in one run, one after
the other, the median of some rounds: only the ratios mean something. It prints a table.
"""

import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import uuid

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

RECORDS = int(os.environ.get("RECORDS", 1_000_000))
ROUNDS = int(os.environ.get("ROUNDS", 3))
VALUE = b"x" * 100
ONE = "cluster --brokers 1 --controllers combined\n"
THREE = "cluster --brokers 3\n"


class Gateway:
    """A gateway with this script; knows how long it took until it answered a Metadata request."""

    def __init__(self, terrarium, script):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".terra")
        self.file.write(script)
        self.file.flush()
        start = time.monotonic()
        command = [terrarium, "gateway", self.file.name, "--listen", "127.0.0.1:0", "--until-eof", "--quiet"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap = json.loads(self.process.stdout.readline())["ready"]["bootstrap"]
        ask_metadata(self.bootstrap)
        self.start_ms = (time.monotonic() - start) * 1_000

    def peak_mb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            (line,) = [line for line in status if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


class RealBroker:
    """One real broker that is its own controller."""

    def __init__(self, jars):
        self.folder = tempfile.TemporaryDirectory()
        ports = [free_port(), free_port()]
        self.bootstrap = f"127.0.0.1:{ports[0]}"
        file = f"{self.folder.name}/server.properties"
        with open(file, "w") as properties:
            properties.write(
                f"process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{ports[1]}\n"
                f"listeners=PLAINTEXT://127.0.0.1:{ports[0]},CONTROLLER://127.0.0.1:{ports[1]}\n"
                f"controller.listener.names=CONTROLLER\nlog.dirs={self.folder.name}/data\n"
                "offsets.topic.replication.factor=1\n"
            )
        java = ["java", "-Xmx1g", "-cp", f"{jars}/*"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        cluster = ["format", "--cluster-id", "MkU3OEVBNTcwNTJENDM2Qg", "--config", file]
        subprocess.run([*java, "kafka.tools.StorageTool", *cluster], check=True, **quiet)
        start = time.monotonic()
        self.process = subprocess.Popen([*java, "kafka.Kafka", file], **quiet)
        while True:
            try:
                ask_metadata(self.bootstrap)
                break
            except OSError:
                assert self.process.poll() is None, "the real broker ended"
                time.sleep(0.05)
        self.start_ms = (time.monotonic() - start) * 1_000

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Kfake:
    """franz-go's fake broker, which says where it listens and ends with its standard input."""

    def __init__(self, program):
        start = time.monotonic()
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap = self.process.stdout.readline().strip()
        ask_metadata(self.bootstrap)
        self.start_ms = (time.monotonic() - start) * 1_000

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Mock:
    """librdkafka's mock cluster, which lives in a client and listens on real sockets."""

    def __init__(self):
        self.client = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
        brokers = self.client.list_topics(timeout=10).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def end(self):
        del self.client


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask_metadata(bootstrap):
    """A Metadata request of version 0, for all topics, and its answer."""
    host, port = bootstrap.split(",")[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        body = struct.pack(">hhih", 3, 0, 1, -1) + struct.pack(">i", 0)
        connection.sendall(struct.pack(">i", len(body)) + body)
        if not connection.recv(4):
            raise ConnectionError("no answer")


def measure(bootstrap, replicas):
    """Records a second written and read, and how many bytes writing took on the wire."""
    topic, sent = f"bench-{uuid.uuid4()}", []
    # The mock knows no CreateTopics, and creates what one asks for.
    if replicas is not None:
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([NewTopic(topic, 1, replicas)])[topic].result(30)
    room = {"queue.buffering.max.messages": 2 * RECORDS, "queue.buffering.max.kbytes": 2_000_000}
    watch = {"statistics.interval.ms": 200, "stats_cb": lambda text: sent.append(json.loads(text)["tx_bytes"])}
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5, **room, **watch})
    producer.list_topics(topic, timeout=10)
    start = time.monotonic()
    for n in range(RECORDS):
        producer.produce(topic, VALUE, partition=0)
        if n % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0
    written = time.monotonic() - start
    producer.poll(0.5)
    # Nor does the mock keep more than the last records.
    read = None if replicas is None else read_all(bootstrap, topic)
    return RECORDS / written, read, max(sent) / 1e6


def read_all(bootstrap, topic):
    """Records a second read."""
    # Room for all: a consumer whose queue is full waits a second before it fetches on, and would measure that.
    room = {"queued.min.messages": RECORDS, "queued.max.messages.kbytes": 2_000_000}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False, **room})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    start, found = time.monotonic(), 0
    while found < RECORDS:
        messages = consumer.consume(10_000, 5)
        assert messages and all(message.error() is None for message in messages)
        found += len(messages)
    read = time.monotonic() - start
    consumer.close()
    return RECORDS / read


def started_in(start):
    cluster = start()
    cluster.end()
    return cluster.start_ms


def main():
    terrarium, jars, kfake = sys.argv[1], os.environ.get("KAFKA_JARS"), os.environ.get("KFAKE")
    kinds = [("gateway, RF 1", lambda: Gateway(terrarium, ONE), 1), ("gateway, RF 3", lambda: Gateway(terrarium, THREE), 3)]
    kinds.append(("librdkafka's mock, RF 1", Mock, None))
    if kfake:
        kinds.append(("kfake, RF 1", lambda: Kfake(kfake), 1))
    if jars:
        kinds.append(("a real broker, RF 1", lambda: RealBroker(jars), 1))
    found = {name: [] for name, _, _ in kinds}
    # What else the machine does can only make a start longer: the shortest of some counts.
    starts = {name: [started_in(start) for _ in range(10)] for name, start, _ in kinds if name.startswith("gateway")}
    for _ in range(ROUNDS):
        for name, start, replicas in kinds:
            cluster = start()
            written, read, wire = measure(cluster.bootstrap, replicas)
            memory = cluster.peak_mb() / wire if isinstance(cluster, Gateway) else None
            found[name].append((written, read, getattr(cluster, "start_ms", None), memory))
            cluster.end()
    median = lambda rows, at: None if rows[0][at] is None else statistics.median(row[at] for row in rows)
    base = [median(found["gateway, RF 1"], at) for at in (0, 1)]
    print("| cluster | records/s written | to RF 1 | records/s read | to RF 1 | first answer after | memory to bytes on the wire |")
    print("|---|---|---|---|---|---|---|")
    for name, rows in found.items():
        written, read, _, memory = (median(rows, at) for at in range(4))
        start = rows[0][2] and min([row[2] for row in rows] + starts.get(name, []))
        cells = [f"{written:,.0f}", f"{written / base[0]:.2f}", read and f"{read:,.0f}", read and f"{read / base[1]:.2f}"]
        cells += [start and f"{start:,.0f} ms", memory and f"{memory:.2f}"]
        print(f"| {name} | {' | '.join(cell or '–' for cell in cells)} |")


main()
