"""kafka-python."""

import functools
import threading
import time

from common import (
    BOOTSTRAP,
    FAULTS,
    Control,
    coordinator_crash,
    each_once,
    group,
    main,
    nothing_is_lost,
    record,
    refuses,
    same,
)
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import MessageSizeTooLargeError, TopicAlreadyExistsError

TIMEOUT = 60
SERVERS = BOOTSTRAP.split(",")


def create(topic, partitions=3, replicas=3, **config):
    config = {key.replace("_", "."): value for key, value in config.items()}
    admin = KafkaAdminClient(bootstrap_servers=SERVERS)
    try:
        admin.create_topics([NewTopic(topic, partitions, replicas, topic_configs=config)])
    finally:
        admin.close()


def producer(**config):
    ours = {"acks": "all", "linger_ms": 5, "enable_idempotence": False}
    return KafkaProducer(bootstrap_servers=SERVERS, **{**ours, **config})


def send(topic, records, **config):
    """Sends records, and waits for every acknowledgement."""
    ours = producer(**config)
    futures = [ours.send(topic, value, key, headers=headers) for key, value, headers in records]
    ours.flush(TIMEOUT)
    found = [future.get(TIMEOUT) for future in futures]
    ours.close()
    return found


def read(topic, partitions=3):
    """Reads a topic from its beginning to its end, without a group."""
    consumer = KafkaConsumer(bootstrap_servers=SERVERS, enable_auto_commit=False, fetch_max_wait_ms=50)
    all_partitions = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer.assign(all_partitions)
    consumer.seek_to_beginning()
    left = sum(consumer.end_offsets(all_partitions).values())
    found, deadline = [], time.monotonic() + TIMEOUT
    while len(found) < left:
        assert time.monotonic() < deadline, f"{len(found)} of {left} records after {TIMEOUT} s"
        for messages in consumer.poll(200).values():
            found.extend(messages)
    consumer.close()
    return found


GROUP = {"bootstrap_servers": SERVERS, "auto_offset_reset": "earliest", "enable_auto_commit": False}


class Member:
    """A member of a group, which reads in a thread of its own and commits what it has read."""

    def __init__(self):
        self.consumer = KafkaConsumer("ready", group_id="readers", **GROUP)
        self.found, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.over.is_set():
            messages = self.consumer.poll(200)
            self.found += [message.value.decode() for batch in messages.values() for message in batch]
            if messages:
                self.consumer.commit()
        self.consumer.close()

    def leave(self):
        self.over.set()
        self.thread.join(TIMEOUT)


def write(texts):
    send("ready", [(text.encode(), text.encode(), []) for text in texts])


def metadata():
    admin = KafkaAdminClient(bootstrap_servers=SERVERS)
    brokers = admin.describe_cluster()["brokers"]
    same(sorted(f"{broker['host']}:{broker['port']}" for broker in brokers), sorted(SERVERS))
    (topic,) = admin.describe_topics(["ready"])
    assert len(topic["partitions"]) == 3
    for partition in topic["partitions"]:
        assert sorted(partition["replica_nodes"]) == sorted(broker["broker_id"] for broker in brokers)
        assert partition["leader_id"] in partition["isr_nodes"]
    admin.close()


def create_topics():
    create("made", partitions=4, retention_ms="3600000")
    consumer = KafkaConsumer(bootstrap_servers=SERVERS)
    assert consumer.partitions_for_topic("made") == {0, 1, 2, 3}
    consumer.close()
    refuses(TopicAlreadyExistsError, lambda: create("made"))


def auto_create():
    (sent,) = send("by-writing", [(b"k", b"v", [])])
    assert (sent.topic, sent.offset) == ("by-writing", 0)
    assert [message.value for message in read("by-writing", 1)] == [b"v"]


def produce_fetch():
    # This client cannot send a header without a value.
    records = [(key, value, [h for h in headers if h[1] is not None]) for key, value, headers in map(record, range(300))]
    send("ready", records)
    found = [(m.key, m.value, m.headers) for m in read("ready")]
    found = [(key, value, [tuple(header) for header in headers]) for key, value, headers in found]
    same(sorted(found, key=repr), sorted(records, key=repr))
    for key in {key for key, _, _ in records if key}:
        same([m[1:] for m in found if m[0] == key], [r[1:] for r in records if r[0] == key])


def acks():
    for level in [0, 1, "all"]:
        send("ready", [(None, b"acks", [])] * 10, acks=level)
    deadline = time.monotonic() + TIMEOUT
    while len(read("ready")) < 30:
        assert time.monotonic() < deadline, "not all records arrived"


def list_offsets():
    ours, partition = producer(), TopicPartition("ready", 1)
    for n in range(10):
        ours.send("ready", b"%d" % n, partition=1, timestamp_ms=1_700_000_000_000 + 1_000 * n).get(TIMEOUT)
    consumer = KafkaConsumer(bootstrap_servers=SERVERS)
    assert consumer.beginning_offsets([partition]) == {partition: 0}
    assert consumer.end_offsets([partition]) == {partition: 10}
    for n in (0, 4, 9):
        found = consumer.offsets_for_times({partition: 1_700_000_000_000 + 1_000 * n - 500})[partition]
        assert (found.offset, found.timestamp) == (n, 1_700_000_000_000 + 1_000 * n), found
    assert consumer.offsets_for_times({partition: 1_800_000_000_000})[partition] is None
    consumer.close()
    ours.close()


def compression():
    text = "x" * 100
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        send("ready", [(b"k", f"{codec} {n} {text}".encode(), []) for n in range(100)], compression_type=codec)
    found = [message.value for message in read("ready")]
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        expected = [f"{codec} {n} {text}".encode() for n in range(100)]
        same([value for value in found if value.startswith(codec.encode())], expected)


def large():
    # Few, because this client works out checksums in Python.
    value = bytes(900_000)
    send("ready", [(None, value, [])] * 3)
    assert all(message.value == value for message in read("ready"))
    too_large = lambda: send("ready", [(None, bytes(1_500_000), [])], max_request_size=2_000_000)
    refuses(MessageSizeTooLargeError, too_large)


def through(fault, is_idempotent=False, seconds=1.5):
    """Writes on while a fault happens: what was acknowledged is there in the end, of an idempotent producer once."""
    patience = {"retries": 1000, "delivery_timeout_ms": 60_000, "request_timeout_ms": 10_000}
    ours = producer(enable_idempotence=is_idempotent, **patience)
    over, sent = threading.Event(), []

    def write():
        while not over.is_set():
            value = b"%d" % len(sent)
            sent.append((value, ours.send("faulty", value)))
            time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(seconds / 3)
    FAULTS[fault](Control())
    time.sleep(seconds)
    over.set()
    writer.join()
    ours.flush(TIMEOUT)
    acknowledged = [value for value, future in sent if future.get(TIMEOUT)]
    check = each_once if is_idempotent else nothing_is_lost
    check(acknowledged, [message.value for message in read("faulty", 1)])
    ours.close()


main(
    {
        "metadata": metadata,
        "create-topics": create_topics,
        "auto-create": auto_create,
        "produce-fetch": produce_fetch,
        "acks": acks,
        "list-offsets": list_offsets,
        "compression": compression,
        "large": large,
        "idempotence": lambda: through("leader-crash", is_idempotent=True),
        "group": lambda: group(Member, write),
        "coordinator-crash": lambda: coordinator_crash(Member, write),
        **{fault: functools.partial(through, fault) for fault in FAULTS},
    }
)
