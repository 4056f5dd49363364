"""A reader of events, as an analyst or a gateway is one: it sees committed events only."""

import json
import time
import uuid
from collections import namedtuple

from confluent_kafka import Consumer, KafkaException

from caller import at_end

Event = namedtuple("Event", "topic headers body")

# Seconds.
WAIT_MAX = 30
QUIET = 0.5


class Reader:
    """Reads topics from where they ended when it was made, and keeps their events."""

    def __init__(self, bootstrap_servers, topics):
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

    def close(self):
        self.consumer.close()

    def _read_one(self):
        """Whether an event came."""
        message = self.consumer.poll(QUIET)
        if message is None:
            return False
        if message.error():
            raise KafkaException(message.error())
        value = message.value()
        body = None if value is None else json.loads(value)
        self.events.append(Event(message.topic(), dict(message.headers() or []), body))
        return True
