"""A caller: writes requests to its request topic and reads the replies on its reply topic."""

import json
import time
import uuid

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition


class NoReply(TimeoutError):
    """No reply came in time. Send again with the same `ce_id`."""

    def __init__(self, message, correlation):
        super().__init__(message)
        self.correlation = correlation


class Caller:
    """One caller of the service's configuration.

    The reply topic is read from its end and without a consumer group: every instance of a service sees all replies and
    takes those with its own correlation ids.
    """

    def __init__(self, bootstrap_servers, request_topic, reply_topic, client_ref):
        self.request_topic = request_topic
        self.client_ref = client_ref
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 0,
                # As Java's clients partition: a request with the recommended key is then served in place.
                "partitioner": "murmur2_random",
            }
        )
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"otp-example-{uuid.uuid4()}",
                "enable.auto.commit": False,
                # Without it a caller sees replies of transactions that were aborted.
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
            }
        )
        self.consumer.assign(at_end(self.consumer, reply_topic))

    def ask(self, key, body, ce_id=None, timeout=30.0):
        """Returns the reply as (headers, body). Raises NoReply."""
        correlation = uuid.uuid4().bytes
        headers = {
            "ce_id": (ce_id or str(uuid.uuid4())).encode(),
            "kafka_correlationId": correlation,
            "otp-client-ref": self.client_ref.encode(),
        }
        value = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._produce(key, value, headers)
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            message = self.consumer.poll(min(left, 0.5))
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            headers = dict(message.headers())
            # Other replies are those of other instances, and those that came too late.
            if headers.get("kafka_correlationId") == correlation:
                return headers, json.loads(message.value())
        raise NoReply(f"no reply to the request on {self.request_topic} within {timeout} s", correlation)

    def stop_reading(self):
        """From now on no reply arrives."""
        self.consumer.pause(self.consumer.assignment())

    def read_again(self):
        self.consumer.resume(self.consumer.assignment())

    def close(self):
        self.consumer.close()

    def _produce(self, key, value, headers):
        errors = []

        def delivered(error, _):
            if error:
                errors.append(error)

        self.producer.produce(self.request_topic, value, key, headers=headers, on_delivery=delivered)
        if self.producer.flush(30) or errors:
            raise KafkaException(errors[0] if errors else f"{self.request_topic}: not delivered within 30 s")


def at_end(consumer, topic):
    """The partitions of a topic, each at the offset of the next record."""
    found = consumer.list_topics(topic, 30).topics[topic]
    if found.error:
        raise KafkaException(found.error)
    ends = []
    for partition in found.partitions:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 30)
        ends.append(TopicPartition(topic, partition, end))
    return ends
