package org.otpstream.example;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.KafkaMessageListenerContainer;
import org.springframework.kafka.requestreply.KafkaReplyTimeoutException;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One caller of the service's configuration: writes requests to its request topic, and reads the replies on its reply topic with
 * Spring's ReplyingKafkaTemplate.
 */
final class Caller implements AutoCloseable {
    static final Duration REPLY_MAX = Duration.ofSeconds(30);

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final String requestTopic;
    private final String clientRef;
    private final DefaultKafkaProducerFactory<String, String> producers;
    private final KafkaMessageListenerContainer<String, String> replies;
    private final ReplyingKafkaTemplate<String, String, String> template;

    /** A reply. */
    record Reply(ConsumerRecord<String, String> event) {
        JsonNode body() {
            return JSON.readTree(event.value());
        }

        String header(String name) {
            Header header = event.headers().lastHeader(name);
            return header == null ? null : new String(header.value(), UTF_8);
        }
    }

    Caller(String bootstrapServers, String requestTopic, String replyTopic, String clientRef) throws InterruptedException {
        this.requestTopic = requestTopic;
        this.clientRef = clientRef;
        producers = new DefaultKafkaProducerFactory<>(
                Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers),
                new StringSerializer(), new StringSerializer());
        // The values are texts, which this class parses. A JsonDeserializer would need a default type.
        var consumers = new DefaultKafkaConsumerFactory<>(
                Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers,
                        ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "latest",
                        ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed"),
                new StringDeserializer(), new StringDeserializer());
        // The template sends this topic as `kafka_replyTopic`: it must be the caller's reply topic.
        var properties = new ContainerProperties(replyTopic);
        // Every instance of a service reads all replies, and takes its own.
        properties.setGroupId("otp-example-" + UUID.randomUUID());
        replies = new KafkaMessageListenerContainer<>(consumers, properties);
        template = new ReplyingKafkaTemplate<>(producers, replies);
        template.setSharedReplyTopic(true);
        template.start();
        Check.that(template.waitForAssignment(REPLY_MAX), "the partitions of " + replyTopic + " were not assigned");
    }

    Reply ask(String key, String value) throws Exception {
        return ask(key, value, UUID.randomUUID().toString(), REPLY_MAX);
    }

    /** Throws TimeoutException if no reply comes; send again with the same id then. */
    Reply ask(String key, String value, String id, Duration timeout) throws Exception {
        return ask(record(key, value, id), timeout);
    }

    Reply ask(ProducerRecord<String, String> request, Duration timeout) throws Exception {
        try {
            return new Reply(template.sendAndReceive(request, timeout).get());
        } catch (ExecutionException failure) {
            if (failure.getCause() instanceof KafkaReplyTimeoutException) {
                throw new TimeoutException("no reply to the request on " + requestTopic + " within " + timeout);
            }
            throw failure;
        }
    }

    /** A request. The template adds `kafka_correlationId` and `kafka_replyTopic` when it sends it. */
    ProducerRecord<String, String> record(String key, String value, String id) {
        var request = new ProducerRecord<>(requestTopic, key, value);
        request.headers().add("ce_id", id.getBytes(UTF_8));
        request.headers().add("otp-client-ref", clientRef.getBytes(UTF_8));
        return request;
    }

    /** From now on no reply arrives. */
    void stopReading() throws InterruptedException {
        replies.pause();
        while (!replies.isContainerPaused()) {
            Thread.sleep(20);
        }
    }

    void readAgain() {
        replies.resume();
    }

    @Override
    public void close() {
        template.stop();
        template.destroy();
        producers.destroy();
    }
}
