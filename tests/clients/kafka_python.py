"""kafka-python."""

import contextlib
import functools
import threading
import time

from common import (
    BOOTSTRAP,
    FAULTS,
    GROUP,
    Control,
    Reader,
    each_once,
    groups,
    main,
    nothing_is_lost,
    record,
    refuses,
    same,
    wait,
)
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError

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


@contextlib.contextmanager
def writing(topic, **config):
    """Writes on, one number after the other; what got an acknowledgement."""
    patience = {"retries": 1000, "delivery_timeout_ms": 60_000, "request_timeout_ms": 10_000}
    ours = producer(**patience, **config)
    over, sent, acknowledged = threading.Event(), [], []

    def write():
        while not over.is_set():
            value = b"%d" % len(sent)
            sent.append((value, ours.send(topic, value)))
            time.sleep(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield acknowledged
    finally:
        over.set()
        writer.join()
    ours.flush(TIMEOUT)
    acknowledged += [value for value, future in sent if future.get(TIMEOUT)]
    ours.close()


def through(fault, is_idempotent=False, seconds=1.5):
    """Writes on while a fault happens: what was acknowledged is there in the end, of an idempotent producer once."""
    with writing("faulty", enable_idempotence=is_idempotent) as acknowledged:
        time.sleep(seconds / 3)
        FAULTS[fault](Control())
        time.sleep(seconds)
    check = each_once if is_idempotent else nothing_is_lost
    check(acknowledged, [message.value for message in read("faulty", 1)])


class Member:
    """A consumer in the group, which commits by itself what was read."""

    def __init__(self):
        ours = {"group_id": GROUP, "auto_offset_reset": "earliest", "enable_auto_commit": False, "fetch_max_wait_ms": 50}
        self.consumer = KafkaConsumer("ready", bootstrap_servers=SERVERS, **ours)

    def poll(self):
        return [message.value for messages in self.consumer.poll(100).values() for message in messages]

    def partitions(self):
        return {partition.partition for partition in self.consumer.assignment()}

    def commit(self):
        # One that does not succeed, while its coordinator is away or its partitions move, is made good by the next.
        with contextlib.suppress(KafkaError):
            self.consumer.commit()

    def close(self):
        self.commit()
        self.consumer.close()


def send_values(topic, values):
    send(topic, [(None, value, []) for value in values])


def administration():
    send_values("ready", [b"1", b"2"])
    member = Reader(Member)
    wait(lambda: len(member.values) == 2 or member.error, "not all that was sent is read")
    member.end()
    admin = KafkaAdminClient(bootstrap_servers=SERVERS)
    assert [found["group_id"] for found in admin.list_groups()] == [GROUP]
    assert admin.describe_groups([GROUP])[GROUP]["group_state"] == "Empty"
    offsets = admin.list_group_offsets([GROUP])[GROUP]
    assert sum(found.offset for found in offsets.values()) == 2, offsets
    admin.delete_groups([GROUP])
    assert not list(admin.list_groups())
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "ready", configs={"retention.ms": "60000"})])
    retention = lambda: str(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "ready")]))
    wait(lambda: "60000" in retention(), "the config is not changed")
    admin.create_partitions({"ready": NewPartitions(5)})
    wait(lambda: len(admin.describe_topics(["ready"])[0]["partitions"]) == 5, "the partitions are not there")
    admin.delete_topics(["ready"])
    wait(lambda: "ready" not in admin.list_topics(), "the topic is still there")
    admin.close()


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
        **{fault: functools.partial(through, fault) for fault in FAULTS},
        **groups(lambda: Reader(Member), send_values, writing),
        "admin": administration,
    }
)
