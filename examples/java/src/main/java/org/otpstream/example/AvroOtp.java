package org.otpstream.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.otpstream.example.Avro.member;
import static org.otpstream.example.Avro.record;
import static org.otpstream.example.Avro.text;

import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;
import org.otpstream.example.Reader.Event;

/** A caller and reader in Avro, with Apicurio's serdes. It needs a running service with examples/avro.toml. */
public final class AvroOtp implements AutoCloseable {
    private static final String SMS = "egov.core.notification.sms.otp";
    private static final String EMAIL = "org.egov.core.notification.email";
    private static final String RESULTS = "otp-validation-result";
    private static final String LIFECYCLE = "otp-lifecycle";
    private static final String SIGNALS = "otp-signal";
    /** A window of examples/avro.toml, the pause of the sweep, and time for a slow machine. */
    private static final Duration SIGNAL_WAIT_MAX = Duration.ofSeconds(120);
    private static final SecureRandom RANDOM = new SecureRandom();

    /** The caller's own reference: it comes back in every result and lifecycle event. */
    private final String ref = "java-avro-" + UUID.randomUUID();

    private final Caller<GenericRecord, GenericRecord> digit;
    private final Caller<GenericRecord, GenericRecord> intOtp;
    private final Caller<GenericRecord, GenericRecord> mosip;
    private final Reader<GenericRecord> reader;

    private AvroOtp(String bootstrapServers, String registry) throws Exception {
        var avro = new Avro(registry);
        digit = caller(bootstrapServers, avro, "egov");
        intOtp = caller(bootstrapServers, avro, "int");
        mosip = caller(bootstrapServers, avro, "mosip");
        reader = new Reader<>(bootstrapServers, List.of(SMS, EMAIL, RESULTS, LIFECYCLE, SIGNALS), avro.deserializer());
    }

    private Caller<GenericRecord, GenericRecord> caller(String bootstrapServers, Avro avro, String contract) throws InterruptedException {
        return new Caller<>(bootstrapServers, "otp-request-" + contract, "otp-response-" + contract, ref,
                avro.serializer(), avro.deserializer());
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = options(arguments);
        try (var otp = new AvroOtp(options.get("--bootstrap-servers"), options.get("--registry"))) {
            otp.digitLogin();
            otp.digitEmail();
            otp.intOtp();
            otp.mosipOtpmanager();
            otp.results();
            otp.signals();
        }
        System.out.println("Every step went as it should.");
    }

    private void digitLogin() throws Exception {
        String number = "9%09d".formatted(RANDOM.nextInt(1_000_000_000));
        String key = "egov|pb|" + number;
        String id = UUID.randomUUID().toString();
        Schema request = Avro.schema("egov-request");
        Schema otp = member(request, "otp");
        GenericRecord send = record(otp, "mobileNumber", number, "tenantId", "pb.amritsar", "type", "login");
        var reply = digit.ask(key, record(request, "operation", "send", "otp", send), id, Caller.REPLY_MAX).body();
        Check.equal(text(reply, "isSuccessful"), "true");
        told("DIGIT send", text(reply, "responseInfo", "status"));
        GenericRecord sms = reader.await("the SMS", 1, SMS, causedBy(id)).get(0).body();
        Check.equal(text(sms, "mobileNumber"), number);
        GenericRecord validate = record(otp, "otp", code(text(sms, "message")), "identity", number, "tenantId", "pb.amritsar");
        reply = digit.ask(key, record(request, "operation", "validate", "otp", validate)).body();
        Check.equal(text(reply, "otp", "isValidationSuccessful"), "true");
        told("DIGIT validate", "accepted");
    }

    private void digitEmail() throws Exception {
        String id = UUID.randomUUID().toString();
        String address = id + "@example.org";
        Schema request = Avro.schema("egov-request");
        GenericRecord create = record(member(request, "otp"), "identity", address, "tenantId", "pb.amritsar");
        var reply = digit.ask("egov|pb|" + address, record(request, "operation", "create", "otp", create), id, Caller.REPLY_MAX).body();
        Check.equal(text(reply, "otp", "identity"), address);
        GenericRecord mail = reader.await("the e-mail", 1, EMAIL, causedBy(id)).get(0).body();
        Check.equal(text(mail, "email", "emailTo"), "[" + address + "]");
        told("DIGIT create", "one e-mail to the identity");
    }

    private void intOtp() throws Exception {
        String mobile = "9%09d".formatted(RANDOM.nextInt(1_000_000_000));
        String start = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss").withZone(ZoneOffset.UTC).format(Instant.now().minusSeconds(1));
        GenericRecord request = record(Avro.schema("int-request"), "operationType", "GENERATE", "channel", "Digital",
                "startTime", start, "duration", 180L, "digit", 6L, "mobile", mobile);
        var generated = intOtp.ask("int|default|" + mobile, request).body();
        Check.equal(text(generated, "status"), "200");
        request.put("operationType", "VALIDATE");
        request.put("generatedOtp", text(generated, "otp"));
        Check.equal(text(intOtp.ask("int|default|" + mobile, request).body(), "status"), "200");
        told("INT GENERATE, VALIDATE", "status 200");
    }

    private void mosipOtpmanager() throws Exception {
        String name = "key-" + UUID.randomUUID();
        Schema request = Avro.schema("mosip-request");
        Schema members = member(request, "request");
        var reply = mosip.ask("mosip|default|" + name,
                record(request, "id", "mosip.otp.generate", "version", "1.0", "request", record(members, "key", name))).body();
        Check.equal(text(reply, "response", "status"), "GENERATION_SUCCESSFUL");
        GenericRecord validate = record(members, "key", name, "otp", text(reply, "response", "otp"));
        reply = mosip.ask("mosip|default|" + name,
                record(request, "id", "mosip.otp.validate", "version", "1.0", "request", validate)).body();
        Check.equal(text(reply, "response", "status"), "success");
        told("MOSIP generate, validate", text(reply, "response", "message"));
    }

    private void results() {
        Predicate<Event<GenericRecord>> ofThisRun = it -> ref.equals(text(it.body(), "clientRef"));
        List<String> seen = reader.await("results", 3, RESULTS, ofThisRun).stream().map(Event::body)
                .map(it -> text(it, "contract") + " " + text(it, "result") + " " + text(it, "reason")).sorted().toList();
        Check.equal(seen, List.of("egov accepted verified", "int accepted verified", "mosip accepted verified"));
        List<String> life = reader.await("lifecycle events", 7, LIFECYCLE, ofThisRun).stream()
                .map(it -> text(it.body(), "type")).sorted().toList();
        Check.equal(life, List.of("issued", "issued", "issued", "issued", "verified", "verified", "verified"));
        told(RESULTS, "3 accepted");
        told(LIFECYCLE, "4 issued, 3 verified");
    }

    /** The counts of a window are told when it is over. */
    private void signals() {
        GenericRecord signal = reader.first("a signal", SIGNALS, SIGNAL_WAIT_MAX).body();
        Check.that((long) signal.get("issued") >= 1, signal);
        told(SIGNALS, text(signal, "issued") + " issued in one window");
    }

    private static Predicate<Event<GenericRecord>> causedBy(String id) {
        return it -> Arrays.equals(it.bytes("ce_causationid"), id.getBytes(UTF_8));
    }

    private static String code(String message) {
        Matcher digits = Pattern.compile("\\b[0-9]{6}\\b").matcher(message);
        Check.that(digits.find(), "the SMS has no code");
        return digits.group();
    }

    private static void told(String step, String outcome) {
        System.out.printf("%-26s%s%n", step, outcome);
    }

    private static Map<String, String> options(String[] arguments) {
        var options = new HashMap<>(Map.of(
                "--bootstrap-servers", "localhost:9092", "--registry", "http://localhost:8081/apis/registry/v3"));
        for (int at = 0; at < arguments.length; at += 2) {
            Check.that(at + 1 < arguments.length && options.containsKey(arguments[at]),
                    arguments[at] + " is no option. Options: " + options);
            options.put(arguments[at], arguments[at + 1]);
        }
        return options;
    }

    @Override
    public void close() {
        digit.close();
        intOtp.close();
        mosip.close();
        reader.close();
    }
}
