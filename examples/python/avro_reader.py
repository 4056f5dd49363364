#!/usr/bin/env python3
"""Prints the events of a topic in Avro, until none has come for ten seconds: avro_reader.py BROKER REGISTRY TOPIC"""

import sys
import uuid

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

broker, registry, topic = sys.argv[1:]
decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
settings = {"group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest", "enable.auto.commit": False}
consumer = Consumer({"bootstrap.servers": broker, **settings})
consumer.subscribe([topic])
while (message := consumer.poll(10)) is not None:
    if message.error():
        raise SystemExit(message.error())
    # Events from before a topic was put in Avro are JSON.
    is_avro = dict(message.headers())["content-type"].endswith(b"avro+confluent")
    print(decode(message.value(), None) if is_avro else message.value().decode(), flush=True)
consumer.close()
