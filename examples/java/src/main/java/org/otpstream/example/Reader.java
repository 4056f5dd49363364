package org.otpstream.example;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A reader of events, as an analyst or a gateway is one: it sees committed events only, from where the topics ended when it was made. */
final class Reader implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Duration WAIT_MAX = Duration.ofSeconds(30);
    private static final Duration QUIET = Duration.ofMillis(500);

    private final KafkaConsumer<String, String> consumer;
    private final List<Event> events = new ArrayList<>();

    /** An event of a topic. The body of a dead letter is null. */
    record Event(ConsumerRecord<String, String> event, JsonNode body) {
        byte[] bytes(String name) {
            Header header = event.headers().lastHeader(name);
            return header == null ? new byte[0] : header.value();
        }

        String header(String name) {
            return new String(bytes(name), UTF_8);
        }
    }

    Reader(String bootstrapServers, List<String> topics) {
        consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", bootstrapServers, "isolation.level", "read_committed"),
                new StringDeserializer(), new StringDeserializer());
        List<TopicPartition> partitions = topics.stream()
                .flatMap(topic -> consumer.partitionsFor(topic).stream())
                .map(it -> new TopicPartition(it.topic(), it.partition()))
                .toList();
        consumer.assign(partitions);
        consumer.endOffsets(partitions).forEach(consumer::seek);
    }

    /** The events of a topic that fit, when there are `count` of them and no event has come for a while. */
    List<Event> await(String what, int count, String topic, Predicate<Event> fits) {
        Instant until = Instant.now().plus(WAIT_MAX);
        while (true) {
            boolean isQuiet = !read();
            List<Event> found =
                    events.stream().filter(it -> it.event().topic().equals(topic)).filter(fits).toList();
            if (isQuiet && found.size() == count) {
                return found;
            }
            Check.that(found.size() <= count && Instant.now().isBefore(until),
                    what + ": " + found.size() + " on " + topic + ", and not " + count);
        }
    }

    /** Whether events came. */
    private boolean read() {
        var records = consumer.poll(QUIET);
        for (var record : records) {
            events.add(new Event(record, record.value() == null ? null : JSON.readTree(record.value())));
        }
        return !records.isEmpty();
    }

    @Override
    public void close() {
        consumer.close();
    }
}
