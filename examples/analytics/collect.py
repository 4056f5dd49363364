#!/usr/bin/env python3
"""Collects validation results and lifecycle events of otp-stream in a SQLite database.

It reads at least once. First the events are committed to the database, then their offsets to Kafka: whoever is killed between
the two reads some events again. An event has the same `eventId` however often it is read, and that is the primary key.
"""

import argparse
import json
import signal
import sqlite3
import time
from datetime import datetime

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

SHARED = "eventId TEXT PRIMARY KEY, contract, tenantId, subject, challengeId, requestId, purpose, caller, clientRef, reason, \
lockedUntil INTEGER, policyVersion, occurredAt INTEGER"
TABLES = {
    "validation_result": f"{SHARED}, result, attempts INTEGER, attemptsRemaining INTEGER",
    "lifecycle": f"{SHARED}, type, channels, countryCode, prefix, locale, sendNumber INTEGER",
}
INDEXES = "CREATE INDEX IF NOT EXISTS lifecycle_challenge ON lifecycle (challengeId, type)"


class Database:
    def __init__(self, file):
        self.connection = sqlite3.connect(file)
        self.columns = {}
        for table, columns in TABLES.items():
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) WITHOUT ROWID")
            self.columns[table] = [row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")]
        self.connection.execute(INDEXES)

    def store(self, events):
        """Stores pairs of table and event in one transaction. Returns how many of them were not known."""
        new = 0
        with self.connection:
            for table, event in events:
                columns = self.columns[table]
                marks = ", ".join("?" * len(columns))
                row = [plain(event.get(column)) for column in columns]
                new += self.connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row).rowcount
        return new


def plain(value):
    """As SQLite stores it: times in epoch milliseconds, lists as JSON, ids as texts."""
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, list):
        return json.dumps(value)
    return value if value is None or isinstance(value, int) else str(value)


def reader_of(registry):
    """A function that reads a message, by its content-type."""
    avro = AvroDeserializer(SchemaRegistryClient({"url": registry})) if registry else None

    def read(message):
        if dict(message.headers())["content-type"] == b"application/json":
            return json.loads(message.value())
        if avro is None:
            raise SystemExit(f"{message.topic()} carries Avro: name the schema registry with --registry")
        return avro(message.value(), None)

    return read


class Collector:
    def __init__(self, arguments):
        self.tables = {arguments.results: "validation_result", arguments.lifecycle: "lifecycle"}
        self.database = Database(arguments.database)
        self.read = reader_of(arguments.registry)
        self.arguments = arguments
        self.is_ending = False
        self.consumer = Consumer(
            {
                "bootstrap.servers": arguments.bootstrap_servers,
                "group.id": arguments.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                # Without it the events of transactions that were aborted would count.
                "isolation.level": "read_committed",
                # So long does a collector wait whose predecessor was killed.
                "session.timeout.ms": 10000,
            }
        )
        # When something happened last. It idles only when it has partitions.
        self.last = None
        self.consumer.subscribe(list(self.tables), on_assign=self.assigned, on_revoke=self.revoked)
        self.known, self.stored = 0, 0
        # By topic and partition: the offset after the last event that is stored.
        self.positions = {}
        self.checkpoint_due = time.monotonic() + arguments.checkpoint_s

    def run(self):
        while not self.is_ending:
            messages = self.consumer.consume(500, 0.5)
            if messages:
                self.take(messages)
                self.last = time.monotonic()
            if time.monotonic() >= self.checkpoint_due:
                self.checkpoint()
            if self.is_idle():
                break
        self.checkpoint()
        self.consumer.close()

    def is_idle(self):
        limit = self.arguments.idle_s
        return limit > 0 and self.last is not None and time.monotonic() - self.last > limit

    def assigned(self, *_):
        self.last = time.monotonic()

    def revoked(self, *_):
        self.checkpoint()

    def take(self, messages):
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
        events = [(self.tables[message.topic()], self.read(message)) for message in messages]
        new = self.database.store(events)
        self.stored += new
        self.known += len(events) - new
        self.positions.update({(it.topic(), it.partition()): it.offset() + 1 for it in messages})
        print(f"{self.stored} stored, {self.known} known already", flush=True)

    def checkpoint(self):
        """What is behind these offsets is in the database."""
        self.checkpoint_due = time.monotonic() + self.arguments.checkpoint_s
        offsets = [TopicPartition(*at, offset) for at, offset in self.positions.items()]
        if offsets:
            self.consumer.commit(offsets=offsets, asynchronous=False)
            self.positions = {}

    def end(self, *_):
        self.is_ending = True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--registry", help="of topics in Avro, as http://localhost:8081/apis/ccompat/v7")
    parser.add_argument("--database", default="otp.sqlite")
    parser.add_argument("--group", default="otp-analytics", help="the consumer group, which holds the checkpoints")
    parser.add_argument("--results", default="otp-validation-result")
    parser.add_argument("--lifecycle", default="otp-lifecycle")
    parser.add_argument("--checkpoint-s", type=float, default=10, help="seconds between checkpoints (10)")
    parser.add_argument("--idle-s", type=float, default=0, help="end when nothing came for so many seconds; 0: go on")
    collector = Collector(parser.parse_args())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, collector.end)
    collector.run()


if __name__ == "__main__":
    main()
