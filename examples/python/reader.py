"""A reader of events, as an analyst or a gateway is one: it sees committed events only."""

import time
import uuid
from collections import namedtuple

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Consumer, KafkaException

from caller import at_end

# `attributes` are those that the SDK of CloudEvents reads.
Event = namedtuple("Event", "topic headers attributes body")

# Seconds.
WAIT_MAX = 30
QUIET = 0.5


class Reader:
    """Reads topics from where they ended when it was made, and keeps their events."""

    def __init__(self, bootstrap_servers, topics, values):
        self.values = values
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"otp-example-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
            }
        )
        self.consumer.assign([end for topic in topics for end in at_end(self.consumer, topic)])
        self.events = []

    def wait(self, what, count, topic, fits):
        """The events of a topic that fit, when there are `count` of them and no event has come for a while."""
        until = time.monotonic() + WAIT_MAX
        while True:
            is_quiet = not self._read_one()
            found = [event for event in self.events if event.topic == topic and fits(event)]
            if is_quiet and len(found) == count:
                return found
            if len(found) > count or time.monotonic() > until:
                raise AssertionError(f"{what}: {len(found)} on {topic}, and not {count}")

    def first(self, what, topic, seconds):
        """The first event of a topic."""
        until = time.monotonic() + seconds
        while not (found := [event for event in self.events if event.topic == topic]):
            if not self._read_one() and time.monotonic() > until:
                raise AssertionError(f"{what}: none on {topic} within {seconds} s")
        return found[0]

    def close(self):
        self.consumer.close()

    def _read_one(self):
        """Whether an event came."""
        message = self.consumer.poll(QUIET)
        if message is None:
            return False
        if message.error():
            raise KafkaException(message.error())
        headers, value = dict(message.headers()), message.value()
        body = None if value is None else self.values.read(message.topic(), value, headers)
        self.events.append(Event(message.topic(), headers, attributes(message), body))
        return True


def attributes(message):
    """The SDK decodes every header that it is given as UTF-8, and kafka_correlationId may be any bytes.

    Of a value in Avro the SDK makes a text or bytes, as it happens: decode the value of the message.
    """
    headers = {name: value for name, value in message.headers() if name.startswith("ce_") or name == "content-type"}
    return from_binary(KafkaMessage(headers, None, message.value()), JSONFormat()).get_attributes()
