"""What the programs of the Python clients share.

A program is started as `PROGRAM SCENARIO` with the cluster in BOOTSTRAP and the gateway's control port in CONTROL. It
ends with status 0 when the client did all that the scenario asks for.
"""

import json
import os
import socket
import sys
import time

BOOTSTRAP = os.environ["BOOTSTRAP"]


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


def crash_leader(control):
    """The leader of the topic that is written to dies; time is skipped until another leads; it comes back."""
    leader = control.show("leader(faulty-0)")
    control.ask(f"crash broker {leader}")
    control.ask("run until leader(faulty-0) != none and epoch(faulty-0) > 0 within 30s")
    control.ask(f"start broker {leader}")


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


def reset(control):
    """The connections to it break, again and again."""
    for _ in range(3):
        control.ask("reset outside leader(faulty-0)")
        time.sleep(0.3)


def until(holds, what, seconds=60):
    """Waits until something is so."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not after {seconds} s: {what}"
        time.sleep(0.1)


def is_stable(control, group, members):
    """Whether a group is stable with so many members."""
    known = control.ask("kafka-consumer-groups.sh --list")["out"].split()
    if group not in known or control.show(f"state({group})") != "Stable":
        return False
    return len(control.show(f"members({group})")) == members


def values(members):
    return sorted(value for member in members for value in member.found)


def group(member, write):
    """Two members share a topic; one leaves, and the other goes on alone from what was committed.

    `member()` joins the group `readers`; it has what it has `found`, and can `leave()`. `write(values)` writes texts to
    all partitions of the topic.
    """
    control, members = Control(), [member(), member()]
    until(lambda: is_stable(control, "readers", 2), "two members")
    first, second = [str(n) for n in range(100, 160)], [str(n) for n in range(200, 260)]
    write(first)
    until(lambda: len(values(members)) >= 60, "the first records")
    same(values(members), first)
    assert all(member.found for member in members), "one member read everything"
    members[0].leave()
    until(lambda: is_stable(control, "readers", 1), "one member")
    write(second)
    until(lambda: len(values(members)) >= 120, "the other records")
    same(values(members), first + second)
    members[1].leave()
    until(lambda: control.show("lag(readers)") == 0 and control.show("state(readers)") == "Empty", "all is committed")


def coordinator_crash(member, write):
    """The group's coordinator dies; time is skipped until the group has another. The member reads on and commits."""
    control, one = Control(), member()
    until(lambda: is_stable(control, "readers", 1), "a member")
    first, second = [str(n) for n in range(100, 130)], [str(n) for n in range(200, 230)]
    write(first)
    until(lambda: len(one.found) >= 30 and control.show("lag(readers)") == 0, "the first records")
    coordinator = control.show("coordinator(readers)")
    control.ask(f"crash broker {coordinator}")
    control.ask(f"run until coordinator(readers) != none and coordinator(readers) != {coordinator} within 30s")
    control.ask(f"start broker {coordinator}")
    write(second)
    until(lambda: len(one.found) >= 60, "the other records")
    until(lambda: is_stable(control, "readers", 1) and control.show("lag(readers)") == 0, "all is committed")
    same(values([one]), first + second)
    one.leave()


FAULTS = {"leader-crash": crash_leader, "leader-stop": stop_leader, "leader-pause": pause_leader, "reset": reset}


def main(scenarios):
    scenarios[sys.argv[1]]()
