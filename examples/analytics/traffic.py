#!/usr/bin/env python3
"""Invents a week of logins, lets `otp-stream replay` answer them, and writes the results and lifecycle events to Kafka.

Nobody's data is in it: the numbers are random, and the times are those of the invented week. Three things are planted:

- Wednesday: 40 people's codes are guessed (prefix 9876, pb.jalandhar).
- Friday, 01:00 to 03:00: pumping. 500 codes for the prefix 9333 under pb.ludhiana, and nobody uses them.
- All week: the operator of the prefix 9417 delivers late.
"""

import argparse
import heapq
import json
import random
import re
import subprocess
import sys
import uuid
from collections import Counter
from datetime import datetime, timedelta, timezone

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

MONDAY = datetime(2026, 11, 2, tzinfo=timezone(timedelta(hours=5, minutes=30)))
DAYS = 7
TENANTS = {"pb.amritsar": 40, "pb.jalandhar": 25, "pb.ludhiana": 35}
PREFIXES = {"9814": 24, "9876": 20, "9417": 14, "7009": 12, "8146": 10, "9988": 8, "6239": 6, "9501": 6}
# How many logins begin in each hour of a day, relative to the others.
HOURS = [1, 1, 1, 1, 1, 2, 5, 9, 14, 20, 24, 24, 21, 18, 17, 17, 16, 14, 13, 12, 10, 7, 4, 2]
SLOW = "9417"
CODE = re.compile(r"\b[0-9]{6}\b")


class Person:
    """Somebody who logs in once. `behaviour` is a generator of steps; a step is a pause in seconds and an operation."""

    def __init__(self, dice, tenant, prefix, behaviour):
        self.tenant = tenant
        self.number = f"{prefix}{dice.randrange(10**6):06}"
        self.code = None
        self.steps = behaviour(dice, self)

    def request(self, operation):
        if operation == "send":
            otp = {"mobileNumber": self.number, "tenantId": self.tenant, "type": "login"}
        else:
            otp = {"otp": operation, "identity": self.number, "tenantId": self.tenant, "type": "login"}
        return {"operation": "send" if operation == "send" else "validate", "otp": otp}


def citizen(dice, person):
    yield 0, "send"
    is_slow = person.number.startswith(SLOW)
    if dice.random() < 0.08:
        return
    delay = dice.lognormvariate(3.9 if is_slow else 3.0, 0.5)
    # Who waits for longer than a person's patience asks again; some ask too soon.
    while delay > (patience := dice.choice([20, 45, 45, 60, 90])):
        yield patience, "send"
        delay -= patience * dice.uniform(0.5, 1)
    yield delay, None
    for _ in range(3):
        if dice.random() < 0.88:
            yield 0, person.code or "000000"
            break
        yield 0, typo(dice, person.code)
        yield dice.uniform(5, 20), None
    # The button was pressed twice.
    if dice.random() < 0.02:
        yield 1, person.code or "000000"


def guesser(dice, person):
    """Guesses until the subject is locked."""
    for _ in range(3):
        yield dice.uniform(31, 60), "send"
        for _ in range(5):
            yield dice.uniform(1, 3), f"{dice.randrange(10**6):06}"


def pumped(_dice, _person):
    yield 0, "send"


def typo(dice, code):
    if code is None:
        return "123456"
    at = dice.randrange(6)
    return code[:at] + str((int(code[at]) + 1) % 10) + code[at + 1 :]


def people(dice, count):
    """Pairs of the time of a first step, in seconds since Monday, and a person."""

    def drawn(table):
        return dice.choices(list(table), list(table.values()))[0]

    for _ in range(count):
        hour = dice.randrange(DAYS) * 24 + dice.choices(range(24), HOURS)[0]
        yield hour * 3600 + dice.uniform(0, 3600), Person(dice, drawn(TENANTS), drawn(PREFIXES), citizen)
    for _ in range(40):
        yield (2 * 24 + 14) * 3600 + dice.uniform(0, 4 * 3600), Person(dice, "pb.jalandhar", "9876", guesser)
    for _ in range(500):
        yield (4 * 24 + 1) * 3600 + dice.uniform(0, 2 * 3600), Person(dice, "pb.ludhiana", "9333", pumped)


class Replay:
    """`otp-stream replay`: answers each line before the next one is read."""

    def __init__(self, program):
        line = [program, "replay", "--partitions", "6", "--ack", "--reveal"]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def play(self, line):
        """The records that the service writes after this one."""
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        records = []
        for answer in self.process.stdout:
            record = json.loads(answer)
            if "ack" in record:
                return records
            records.append(record)
        raise SystemExit("otp-stream replay has ended")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def play(dice, replay, count):
    """Plays everybody's steps in the order of time. Yields the records of results and lifecycle."""
    begun = MONDAY.timestamp()
    queue = [(at, number, person) for number, (at, person) in enumerate(people(dice, count))]
    heapq.heapify(queue)
    while queue:
        at, number, person = heapq.heappop(queue)
        pause, operation = next(person.steps, (None, None))
        if pause is None:
            continue
        if pause > 0:
            # The step is due after its pause.
            person.steps = chained((0, operation), person.steps)
            heapq.heappush(queue, (at + pause, number, person))
            continue
        if operation is not None:
            line = {
                "topic": "otp-request-egov",
                "key": f"egov|pb|{person.number}",
                "ts": round((begun + at) * 1000),
                "headers": ["ce_id", str(uuid.UUID(int=dice.getrandbits(128)))],
                "payload": json.dumps(person.request(operation)),
            }
            yield from answers(person, replay.play(line))
        heapq.heappush(queue, (at, number, person))
    # The codes of the last minutes expire.
    yield from answers(None, replay.play({"ts": round((begun + DAYS * 86400 + 7200) * 1000)}))


def chained(first, rest):
    yield first
    yield from rest


def answers(person, records):
    for record in records:
        if record["topic"] == "egov.core.notification.sms.otp":
            person.code = CODE.search(json.loads(record["payload"])["message"]).group()
        elif record["topic"] in ("otp-validation-result", "otp-lifecycle"):
            yield record


class Kafka:
    def __init__(self, bootstrap_servers, topics):
        admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        missing = set(topics.values()) - set(admin.list_topics(timeout=30).topics)
        for done in admin.create_topics([NewTopic(topic, 3) for topic in missing]).values() if missing else []:
            done.result(30)
        self.topics = topics
        self.producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})

    def write(self, record):
        flat = record["headers"]
        headers = list(zip(flat[::2], flat[1::2]))
        while True:
            try:
                self.producer.produce(self.topics[record["topic"]], record["payload"], record["key"], headers=headers)
                self.producer.poll(0)
                return
            except BufferError:
                self.producer.poll(0.1)

    def end(self):
        if left := self.producer.flush(60):
            raise KafkaException(f"{left} events were not written")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--program", default="otp-stream")
    parser.add_argument("--results", default="invented-validation-result", help="the topic for results")
    parser.add_argument("--lifecycle", default="invented-lifecycle", help="the topic for lifecycle events")
    parser.add_argument("--people", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    topics = {"otp-validation-result": arguments.results, "otp-lifecycle": arguments.lifecycle}
    kafka = Kafka(arguments.bootstrap_servers, topics)
    replay = Replay(arguments.program)
    counts = Counter()
    for record in play(dice, replay, arguments.people):
        kafka.write(record)
        body = json.loads(record["payload"])
        counts[body["type"] if "type" in body else f"{body['result']} {body['reason']}"] += 1
    kafka.end()
    replay.end()
    json.dump({"events": sum(counts.values()), **dict(sorted(counts.items()))}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
