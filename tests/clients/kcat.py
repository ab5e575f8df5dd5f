"""kcat, the command-line client on librdkafka. It creates no topics and names no acknowledged records one by one."""

import contextlib
import functools
import json
import re
import subprocess
import threading
import time

from common import BOOTSTRAP, FAULTS, GROUP, PATIENCE, Control, each_once, groups, main, nothing_is_lost, record, same

TIMEOUT = 60


def kcat(*arguments, given=b""):
    """Runs kcat to its end: what it printed."""
    run = subprocess.run(["kcat", "-b", BOOTSTRAP, *arguments], input=given, capture_output=True, timeout=TIMEOUT)
    assert run.returncode == 0, f"kcat {' '.join(arguments)}: status {run.returncode}: {run.stderr.decode()}"
    return run.stdout


def produce(topic, *arguments, given):
    kcat("-P", "-t", topic, "-X", "acks=all", *arguments, given=given)


def consume(topic, *arguments):
    """Every record of a topic, up to its end."""
    lines = kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J", *arguments).decode().splitlines()
    return [json.loads(line) for line in lines]


def metadata():
    found = json.loads(kcat("-L", "-J"))
    same(sorted(broker["name"] for broker in found["brokers"]), sorted(BOOTSTRAP.split(",")))
    ids = sorted(broker["id"] for broker in found["brokers"])
    (ready,) = [topic for topic in found["topics"] if topic["topic"] == "ready"]
    assert len(ready["partitions"]) == 3
    for partition in ready["partitions"]:
        assert sorted(replica["id"] for replica in partition["replicas"]) == ids
        assert partition["leader"] in [replica["id"] for replica in partition["isrs"]]


def auto_create():
    produce("by-writing", "-k", "k", given=b"v")
    assert [message["payload"] for message in consume("by-writing")] == ["v"]


def produce_fetch():
    # Keys and headers are given for a whole call, and a null value cannot be.
    records = [record(n) for n in range(0, 300, 9) if record(n)[1]]
    for key, value, _ in records:
        header = ["-H", "n=1", "-H", "n=again", "-H", "none"] if key else []
        keyed = ["-k", key.decode()] if key else []
        produce("ready", *keyed, *header, given=value)
    headers = lambda key: ["n", "1", "n", "again", "none", None] if key else []
    text = lambda field: field.decode() if field else None
    expected = [(text(key), text(value), headers(key)) for key, value, _ in records]
    found = [(m["key"], m["payload"], m.get("headers", [])) for m in consume("ready", "-Z")]
    same(sorted(found, key=repr), sorted(expected, key=repr))


def acks():
    for level in ["0", "1", "all"]:
        kcat("-P", "-t", "ready", "-X", f"acks={level}", given=b"acks\n" * 10)
    assert len(consume("ready")) == 30


def list_offsets():
    before = int(time.time() * 1000)
    produce("ready", "-p", "1", given=b"first\nsecond\n")
    query = lambda moment: kcat("-Q", "-t", f"ready:1:{moment}").decode().strip()
    assert query(-2) == "ready [1] offset 0", query(-2)
    assert query(-1) == "ready [1] offset 2", query(-1)
    assert query(before - 1_000) == "ready [1] offset 0", query(before - 1_000)


def compression():
    for codec in ["gzip", "snappy", "lz4", "zstd"]:
        given = "".join(f"{codec} {n} {'x' * 100}\n" for n in range(100))
        produce("ready", "-k", "k", "-z", codec, given=given.encode())
        found = [m["payload"] for m in consume("ready") if m["payload"].startswith(codec)]
        same(found, given.splitlines())


def large():
    for _ in range(5):
        produce("ready", given=b"x" * 900_000)
    assert all(message["payload"] == "x" * 900_000 for message in consume("ready"))


@contextlib.contextmanager
def writing(topic, is_idempotent=False):
    """Writes on, one number after the other. kcat ends with an error when a record was not acknowledged."""
    configs = ["acks=all", "linger.ms=1", f"enable.idempotence={str(is_idempotent).lower()}"]
    writer = subprocess.Popen(
        ["kcat", "-b", BOOTSTRAP, "-P", "-t", topic, *(word for config in configs for word in ("-X", config))],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    over, written = threading.Event(), []

    def write():
        while not over.is_set():
            written.append(str(len(written)).encode())
            writer.stdin.write(written[-1] + b"\n")
            writer.stdin.flush()
            time.sleep(0.002)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        over.set()
        thread.join()
    _, errors = writer.communicate(timeout=TIMEOUT)
    assert writer.returncode == 0, f"status {writer.returncode}: {errors.decode()}"


def through(fault, is_idempotent=False, seconds=1.5):
    """Writes on while a fault happens: what was acknowledged is there in the end, of an idempotent producer once."""
    with writing("faulty", is_idempotent) as written:
        time.sleep(seconds / 3)
        FAULTS[fault](Control())
        time.sleep(seconds)
    check = each_once if is_idempotent else nothing_is_lost
    check(written, [message["payload"].encode() for message in consume("faulty")])


class Member:
    """kcat in the group: it prints what it reads and says which partitions it has, and commits at the latest when it is
    told to end."""

    def __init__(self):
        configs = ["auto.offset.reset=earliest", "auto.commit.interval.ms=200", "fetch.wait.max.ms=50"]
        words = [word for config in configs for word in ("-X", config)]
        command = ["kcat", "-b", BOOTSTRAP, "-u", *words, "-G", GROUP, "ready"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.values, self.partitions, self.error = [], set(), None
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.read, self.listen)]
        for thread in self.threads:
            thread.start()

    def read(self):
        for line in self.process.stdout:
            self.values.append(line.rstrip(b"\n"))

    def listen(self):
        for line in self.process.stderr:
            if b"rebalanced" in line:
                said = line.decode().rsplit("assigned:", 1)
                self.partitions = {int(n) for n in re.findall(r"\[(\d+)\]", said[1])} if len(said) == 2 else set()

    def end(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, f"status {self.process.returncode}"
        for thread in self.threads:
            thread.join()


def send_values(topic, values):
    produce(topic, given=b"".join(value + b"\n" for value in values))


main(
    {
        "metadata": metadata,
        "auto-create": auto_create,
        "produce-fetch": produce_fetch,
        "acks": acks,
        "list-offsets": list_offsets,
        "compression": compression,
        "large": large,
        "idempotence": lambda: through("leader-crash", is_idempotent=True),
        **{fault: functools.partial(through, fault) for fault in FAULTS},
        **groups(Member, send_values, writing),
    }
)
