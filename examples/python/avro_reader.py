#!/usr/bin/env python3
"""Prints the events of a topic in Avro, until none has come for ten seconds: avro_reader.py BROKER REGISTRY TOPIC"""

import sys

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

broker, registry, topic = sys.argv[1:]
decode = AvroDeserializer(SchemaRegistryClient({"url": registry}))
consumer = Consumer({"bootstrap.servers": broker, "group.id": "avro-reader", "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
while (message := consumer.poll(10)) is not None:
    print(message.error() or decode(message.value(), None), flush=True)
consumer.close()
