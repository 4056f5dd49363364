package org.otpstream.example;

import io.apicurio.registry.serde.Default4ByteIdHandler;
import io.apicurio.registry.serde.avro.AvroKafkaDeserializer;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.apicurio.registry.serde.kafka.config.KafkaSerdeConfig;
import io.apicurio.registry.serde.config.SerdeConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;

/** Apicurio's serializer and deserializer, set to Confluent's wire format: a byte 0, the id of the schema in four bytes, the value. */
final class Avro {
    private final Map<String, Object> settings;

    /** `registry` is the registry's own API, as http://localhost:8081/apis/registry/v3. */
    Avro(String registry) {
        settings = Map.of(
                SerdeConfig.REGISTRY_URL, registry,
                // The ids of the Confluent API are those of contents.
                SerdeConfig.USE_ID, "contentId",
                SerdeConfig.ID_HANDLER, Default4ByteIdHandler.class.getName(),
                KafkaSerdeConfig.ENABLE_HEADERS, false,
                // The service has registered the schemas of its requests, under <topic>-value.
                SerdeConfig.AUTO_REGISTER_ARTIFACT, false,
                SerdeConfig.FIND_LATEST_ARTIFACT, true);
    }

    Serializer<GenericRecord> serializer() {
        var serializer = new AvroKafkaSerializer<GenericRecord>();
        serializer.configure(settings, false);
        return serializer;
    }

    Deserializer<GenericRecord> deserializer() {
        var deserializer = new AvroKafkaDeserializer<GenericRecord>();
        deserializer.configure(settings, false);
        return deserializer;
    }

    /** A schema of this repository. */
    static Schema schema(String name) throws IOException {
        return new Schema.Parser().parse(Path.of("schemas", name + ".avsc").toFile());
    }

    /** The record in a member that may be null. */
    static Schema member(Schema schema, String name) {
        return schema.getField(name).schema().getTypes().stream()
                .filter(it -> it.getType() == Schema.Type.RECORD).findFirst().orElseThrow();
    }

    /** A record of names and values; what is not named has its default. */
    static GenericRecord record(Schema schema, Object... members) {
        var builder = new GenericRecordBuilder(schema);
        for (int at = 0; at < members.length; at += 2) {
            builder.set((String) members[at], members[at + 1]);
        }
        return builder.build();
    }

    /** A value behind names, as a text. */
    static String text(GenericRecord record, String... path) {
        Object value = record;
        for (String name : path) {
            value = ((GenericRecord) value).get(name);
        }
        return String.valueOf(value);
    }
}
