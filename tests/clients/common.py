"""What the programs of the Python clients share.

A program is started as `PROGRAM SCENARIO` with the cluster in BOOTSTRAP and the gateway's control port in CONTROL. It
ends with status 0 when the client did all that the scenario asks for.
"""

import functools
import json
import os
import socket
import sys
import threading
import time

BOOTSTRAP = os.environ["BOOTSTRAP"]

# The group that reads the topic `ready`.
GROUP = "g"

# Longer than anything takes that does not hang.
PATIENCE = 90


class Control:
    """The gateway's control port: commands in, answers out."""

    def __init__(self):
        host, port = os.environ["CONTROL"].rsplit(":", 1)
        self.lines = socket.create_connection((host, int(port)), timeout=60).makefile("rw")

    def ask(self, command):
        self.lines.write(command + "\n")
        self.lines.flush()
        answer = json.loads(self.lines.readline())
        if "error" in answer:
            raise AssertionError(f"{command}: {answer['error']['message']}")
        return answer["ok"]

    def show(self, expression):
        return self.ask(f"show {expression}")["value"]


def record(n):
    """The n-th record that every client writes: some have no key, no value or no headers."""
    key = None if n % 10 == 9 else f"key-{n % 7}".encode()
    value = None if n % 13 == 12 and key else f"value {n} ü".encode()
    headers = [("n", str(n).encode()), ("n", b"again"), ("none", None)] if n % 2 else []
    return key, value, headers


def same(found, expected):
    """That two lists are equal, naming the first difference."""
    for n, (a, b) in enumerate(zip(found, expected)):
        assert a == b, f"at {n}: found {a!r}, expected {b!r}"
    assert len(found) == len(expected), f"found {len(found)}, expected {len(expected)}"


def nothing_is_lost(acknowledged, found):
    """That every value that was acknowledged is found. One that was sent twice may be found twice."""
    lost = set(acknowledged) - set(found)
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged records are lost, such as {min(lost)!r}"
    assert acknowledged, "nothing was acknowledged"


def each_once(sent, found):
    """That the values that were sent are found, each once and in their order."""
    assert sent, "nothing was sent"
    same(found, sent)


def refuses(error, call):
    """That a call fails with this error."""
    try:
        call()
    except error as refusal:
        return refusal
    raise AssertionError(f"no {error}")


def wait(condition, what):
    """Waits until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def crash_leader(control, partition="faulty-0"):
    """The leader of what is written to dies; time is skipped until another leads; it comes back."""
    leader = control.show(f"leader({partition})")
    control.ask(f"crash broker {leader}")
    control.ask(f"run until leader({partition}) != none and epoch({partition}) > 0 within 30s")
    control.ask(f"start broker {leader}")


def crash_coordinator(control):
    """The broker that coordinates the group dies; time is skipped until another does; it comes back."""
    coordinator = control.show(f"coordinator({GROUP})")
    control.ask(f"crash broker {coordinator}")
    others = " or ".join(f"coordinator({GROUP}) = {n}" for n in (1, 2, 3) if n != coordinator)
    control.ask(f"run until {others} within 30s")
    control.ask(f"start broker {coordinator}")


def pause_coordinator(control):
    """It stands still for a second."""
    coordinator = control.show(f"coordinator({GROUP})")
    control.ask(f"pause broker {coordinator}")
    time.sleep(1)
    control.ask(f"resume broker {coordinator}")


def reset_two(control):
    """The connections to it and to another broker break again and again. (kcat ends when it has none left at all.)"""
    coordinator = control.show(f"coordinator({GROUP})")
    for _ in range(3):
        for broker in (coordinator, coordinator % 3 + 1):
            control.ask(f"reset outside broker {broker}")
            time.sleep(0.3)


def stop_leader(control):
    """It hands over what it leads, and stops."""
    control.ask("stop leader(faulty-0)")
    control.ask("run until epoch(faulty-0) > 0 within 30s")


def pause_leader(control):
    """It stands still for a second."""
    leader = control.show("leader(faulty-0)")
    control.ask(f"pause broker {leader}")
    time.sleep(1)
    control.ask(f"resume broker {leader}")


def cut_off(control, broker):
    """For two seconds nothing passes between a broker and its clients."""
    broker = control.show(broker)
    control.ask(f"cut outside broker {broker}")
    time.sleep(2)
    control.ask(f"heal outside broker {broker}")


def reset(control):
    """The connections to it break, again and again."""
    for _ in range(3):
        control.ask("reset outside leader(faulty-0)")
        time.sleep(0.3)


FAULTS = {
    "leader-crash": crash_leader,
    "leader-stop": stop_leader,
    "leader-pause": pause_leader,
    "leader-cut": functools.partial(cut_off, broker="leader(faulty-0)"),
    "reset": reset,
}


GROUP_FAULTS = {
    "group-leader-crash": functools.partial(crash_leader, partition="ready-0"),
    "group-coordinator-crash": crash_coordinator,
    "group-pause": pause_coordinator,
    "group-cut": functools.partial(cut_off, broker=f"coordinator({GROUP})"),
    "group-reset": reset_two,
}


class Reader(threading.Thread):
    """A member of the group: it reads the topic `ready` and commits what it has read, until it is told to end.

    `consumer` opens a consumer, which polls (values), tells its partitions, commits and closes.
    """

    def __init__(self, consumer):
        super().__init__(daemon=True)
        self.consumer, self.values, self.partitions = consumer, [], set()
        self.over, self.error = threading.Event(), None
        self.start()

    def run(self):
        try:
            consumer = self.consumer()
            while not self.over.is_set():
                values = consumer.poll()
                self.values += values
                self.partitions = consumer.partitions()
                if values:
                    consumer.commit()
            consumer.close()
        except Exception as error:  # told where the member is ended
            self.error = error

    def end(self):
        self.over.set()
        self.join(PATIENCE)
        assert not self.is_alive(), "a member of the group hangs"
        if self.error:
            raise self.error


def group(reader, send):
    """What a group has committed it does not read again."""
    for first, last in [(0, 100), (100, 150)]:
        sent = [f"{n}".encode() for n in range(first, last)]
        send("ready", sent)
        member = reader()
        wait(lambda: len(member.values) >= len(sent) or member.error, "not all that was sent is read")
        time.sleep(0.5)
        member.end()
        same(sorted(member.values), sorted(sent))
        committed = [Control().show(f"committed({GROUP}, ready-{partition})") or 0 for partition in range(3)]
        assert sum(committed) == last, f"{committed} of {last}"


def rebalance(reader):
    """Two members share a topic's partitions; what one has when it leaves goes to the other."""
    first = reader()
    wait(lambda: len(first.partitions) == 3 or first.error, "the first member has not got all partitions")
    second = reader()
    shared = lambda: second.partitions and len(first.partitions) + len(second.partitions) == 3
    wait(lambda: shared() or first.error or second.error, "the members do not share the partitions")
    assert not first.partitions & second.partitions
    second.end()
    wait(lambda: len(first.partitions) == 3 or first.error, "the other member has not got all partitions")
    first.end()


def read_through(fault, reader, writing, seconds=1.5):
    """Two members read what is written while a fault happens: all of it, and the end is committed."""
    members = [reader(), reader()]
    failed = lambda: any(member.error for member in members)
    wait(lambda: all(member.partitions for member in members) or failed(), "the members do not share the partitions")
    with writing("ready") as acknowledged:
        time.sleep(seconds / 3)
        GROUP_FAULTS[fault](Control())
        time.sleep(seconds)
    missing = lambda: set(acknowledged) - {value for member in members for value in member.values}
    wait(lambda: not missing() or failed(), "not all that was acknowledged is read")
    time.sleep(0.5)
    for member in members:
        member.end()
    assert acknowledged and not missing()
    lag = Control().show(f"lag({GROUP})")
    assert lag == 0, f"{lag} records are not committed"


def groups(reader, send, writing):
    """The scenarios of groups, for a client that has a reader, sends values, and writes on."""
    faults = {fault: functools.partial(read_through, fault, reader, writing) for fault in GROUP_FAULTS}
    return {"group": lambda: group(reader, send), "rebalance": lambda: rebalance(reader), **faults}


def main(scenarios):
    scenarios[sys.argv[1]]()
