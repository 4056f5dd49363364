"""How values are written and read: JSON, or Avro with a schema registry."""

import io
import json
import struct
from urllib.request import urlopen

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

AVRO = b"application/vnd.apache.avro+confluent"


class Json:
    def write(self, _topic, body):
        return json.dumps(body).encode()

    def read(self, _topic, value, _headers):
        return json.loads(value)


class Avro:
    """Avro in Confluent's wire format: a byte 0, the id of the schema in four bytes, the value."""

    def __init__(self, registry):
        client = SchemaRegistryClient({"url": registry})
        # The service has registered the schemas of its requests. A caller that registers its own one sets neither.
        self.serializer = AvroSerializer(client, conf={"auto.register.schemas": False, "use.latest.version": True})
        self.deserializer = AvroDeserializer(client)
        self.schemas = {}

    def write(self, topic, body):
        return self.serializer(body, SerializationContext(topic, MessageField.VALUE))

    def read(self, topic, value, headers):
        """Twice, as two libraries do it. Dead letters are always JSON."""
        if headers["content-type"] != AVRO:
            return json.loads(value)
        body = self.deserializer(value, SerializationContext(topic, MessageField.VALUE))
        if body != self.read_with_fastavro(value, headers):
            raise AssertionError(f"fastavro and confluent-kafka do not agree on an event of {topic}")
        return body

    def read_with_fastavro(self, value, headers):
        """`ce_dataschema` is the address of the schema that the event was written with."""
        zero, schema_id = struct.unpack(">bI", value[:5])
        address = headers["ce_dataschema"].decode()
        if zero != 0 or not address.endswith(f"/schemas/ids/{schema_id}"):
            raise AssertionError(f"the value has the schema id {schema_id}, and the header {address}")
        if address not in self.schemas:
            with urlopen(address, timeout=10) as answer:
                self.schemas[address] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), self.schemas[address])
