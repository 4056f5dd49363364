package org.otpstream.example;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.file.Path;
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
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.otpstream.example.Caller.Reply;
import org.otpstream.example.Reader.Event;
import org.springframework.security.oauth2.jwt.Jwt;
import tools.jackson.databind.JsonNode;

/**
 * A caller of otp-stream in Java: asks for codes and verifies them by all three contracts, then reads the results. It needs a running
 * service with the default configuration, and its public keys: `otp-stream keys public > jwks.json`.
 */
public final class Otp implements AutoCloseable {
    private static final String SMS = "egov.core.notification.sms.otp";
    private static final String RESULTS = "otp-validation-result";
    private static final String LIFECYCLE = "otp-lifecycle";
    private static final String DEAD_LETTERS = "otp-dead-letter";
    private static final String USAGE =
            "Options: --bootstrap-servers HOST:PORT (localhost:9092), --jwks FILE (jwks.json; what `otp-stream keys public` prints)";
    private static final Duration SHORT = Duration.ofSeconds(3);
    private static final SecureRandom RANDOM = new SecureRandom();

    /** The caller's own reference: it comes back in every result and lifecycle event. */
    private final String ref = "java-" + UUID.randomUUID();

    private final Tokens tokens;
    private final Caller digit;
    private final Caller intOtp;
    private final Caller mosip;
    private final Reader reader;

    private Otp(String bootstrapServers, Path jwks) throws Exception {
        tokens = new Tokens(jwks);
        digit = new Caller(bootstrapServers, "otp-request-egov", "otp-response-egov", ref);
        intOtp = new Caller(bootstrapServers, "otp-request-int", "otp-response-int", ref);
        mosip = new Caller(bootstrapServers, "otp-request-mosip", "otp-response-mosip", ref);
        reader = new Reader(bootstrapServers, List.of("otp-response-egov", SMS, RESULTS, LIFECYCLE, DEAD_LETTERS));
    }

    public static void main(String[] arguments) throws Exception {
        if (List.of(arguments).contains("--help")) {
            System.out.println(USAGE);
            return;
        }
        Map<String, String> options = options(arguments);
        try (Otp otp = new Otp(options.get("--bootstrap-servers"), Path.of(options.get("--jwks")))) {
            otp.digitLogin();
            otp.digitNotAnObject();
            otp.intOtp();
            otp.mosipOtpmanager();
            otp.mosipLogin();
            otp.results();
        }
        System.out.println("Every step went as it should.");
    }

    /** A login whose first reply gets lost: the second request has the same id, and nothing happens twice. */
    private void digitLogin() throws Exception {
        String number = mobileNumber();
        String id = UUID.randomUUID().toString();
        String key = "egov|pb|" + number;
        String send = """
                {"operation":"send","RequestInfo":{"msgId":"20170310130900|en_IN"},
                 "otp":{"mobileNumber":"%s","tenantId":"pb.amritsar","type":"login","userType":"CITIZEN"}}""".formatted(number);
        digit.stopReading();
        mustTimeOut(() -> digit.ask(key, send, id, SHORT));
        told("DIGIT send", "no reply within 3 s, since nobody reads the replies");
        digit.readAgain();
        Reply reply = digit.ask(key, send, id, Caller.REPLY_MAX);
        Check.that(reply.body().path("isSuccessful").asBoolean(), reply.body());
        List<Event> replies = reader.await("both replies", 2, "otp-response-egov", causedBy(id));
        Event first = replies.get(0);
        Event second = replies.get(1);
        for (String name : List.of("ce_id", "ce_time")) {
            Check.equal(second.header(name), first.header(name));
        }
        Check.equal(second.body(), first.body());
        Check.equal(reply.header("ce_id"), first.header("ce_id"));
        told("DIGIT send again", "the same ce_id, the same reply, and one SMS");
        reply = digit.ask(key, """
                {"operation":"validate","otp":{"otp":"%s","identity":"%s","tenantId":"pb.amritsar"}}""".formatted(code(id), number));
        Check.that(reply.body().path("otp").path("isValidationSuccessful").asBoolean(), reply.body());
        told("DIGIT validate", "accepted");
    }

    /** A value that is no JSON object has no reply. The dead letter repeats the correlation id of the request. */
    private void digitNotAnObject() throws Exception {
        var request = digit.record("egov|pb|none", "[\"send\"]", UUID.randomUUID().toString());
        mustTimeOut(() -> digit.ask(request, SHORT));
        byte[] correlation = request.headers().lastHeader("kafka_correlationId").value();
        Event letter = reader.await("the dead letter", 1, DEAD_LETTERS,
                it -> Arrays.equals(it.bytes("kafka_correlationId"), correlation)).get(0);
        told("DIGIT, no JSON object", "no reply within 3 s; the dead letter says: " + letter.header("__dlq.errors.message"));
    }

    private void intOtp() throws Exception {
        String mobile = mobileNumber();
        String key = "int|default|" + mobile;
        String start = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss").withZone(ZoneOffset.UTC).format(Instant.now().minusSeconds(1));
        String window = """
                "channel":"Digital","startTime":"%s","duration":180,"digit":6,"mobile":"%s"}""".formatted(start, mobile);
        JsonNode generated = intOtp.ask(key, "{\"operationType\":\"GENERATE\"," + window).body();
        Check.that(generated.path("status").asInt() == 200, generated);
        told("INT GENERATE", "status 200, with the code");
        JsonNode validated = intOtp.ask(key, "{\"operationType\":\"VALIDATE\",\"generatedOtp\":\"%s\",".formatted(
                generated.path("otp").asString()) + window).body();
        Check.that(validated.path("status").asInt() == 200, validated);
        told("INT VALIDATE", "status 200");
    }

    private void mosipOtpmanager() throws Exception {
        String name = "key-" + UUID.randomUUID();
        JsonNode response = response(mosip("mosip.otp.generate", name, "{\"key\":\"%s\"}".formatted(name)));
        Check.equal(response.path("status").asString(), "GENERATION_SUCCESSFUL");
        told("MOSIP generate", response.path("status").asString());
        String otp = response.path("otp").asString();
        response = response(mosip("mosip.otp.validate", name, "{\"key\":\"%s\",\"otp\":\"%s\"}".formatted(name, otp)));
        Check.that(response.path("status").asString().equals("success"), response);
        told("MOSIP validate", response.path("message").asString());
    }

    /** A right code gives a token. Whoever gets the token verifies it with the service's public keys. */
    private void mosipLogin() throws Exception {
        String user = mobileNumber();
        String id = UUID.randomUUID().toString();
        JsonNode response = response(mosip("mosip.authentication.sendotp", user, """
                {"userId":"%s","otpChannel":["phone"],"useridtype":"USERID","appId":"resident","context":"auth-otp"}""".formatted(user), id));
        Check.that(response.path("status").asString().equals("success"), response);
        told("MOSIP sendotp", response.path("message").asString());
        Reply reply = mosip("mosip.authentication.useridOTP", user,
                "{\"userId\":\"%s\",\"otp\":\"%s\",\"appId\":\"resident\"}".formatted(user, code(id)));
        Check.that(response(reply).path("status").asString().equals("success"), reply.body());
        String token = reply.header("authorization");
        Jwt jwt = tokens.verify(token);
        Check.equal(jwt.getSubject(), user);
        Check.equal(jwt.getClaim("isOtpVerified"), true);
        int end = token.length() - 4;
        String forged = token.substring(0, end) + (token.endsWith("AAAA") ? "BBBB" : "AAAA");
        Check.that(tokens.refuses(forged), "a forged token was accepted");
        told("MOSIP useridOTP", "NimbusJwtDecoder verifies the token of " + jwt.getClaimAsString("iss") + ", and refuses a forged one");
    }

    /** What an analyst sees of this run: one result for each verification, and the life of each code. */
    private void results() {
        Predicate<Event> ofThisRun = it -> ref.equals(it.body().path("clientRef").asString(null));
        List<String> seen = reader.await("results", 4, RESULTS, ofThisRun).stream().map(Event::body)
                .map(it -> String.join(" ", it.path("contract").asString(), it.path("purpose").asString(),
                        it.path("result").asString(), it.path("reason").asString()))
                .sorted().toList();
        Check.equal(seen, List.of("egov login accepted verified", "int otp accepted verified",
                "mosip generate accepted verified", "mosip sendotp accepted verified"));
        List<String> life = reader.await("lifecycle events", 8, LIFECYCLE, ofThisRun).stream()
                .map(it -> it.body().path("type").asString()).sorted().toList();
        Check.equal(life, List.of("issued", "issued", "issued", "issued", "verified", "verified", "verified", "verified"));
        told(RESULTS, "4 accepted");
        told(LIFECYCLE, "4 issued, 4 verified");
    }

    private Reply mosip(String operation, String subject, String request) throws Exception {
        return mosip(operation, subject, request, UUID.randomUUID().toString());
    }

    private Reply mosip(String operation, String subject, String request, String id) throws Exception {
        String envelope = """
                {"id":"%s","version":"1.0","requesttime":"%s","metadata":null,"request":%s}""".formatted(operation, Instant.now(), request);
        return mosip.ask("mosip|default|" + subject, envelope, id, Caller.REPLY_MAX);
    }

    private static JsonNode response(Reply reply) {
        JsonNode body = reply.body();
        Check.that(body.path("errors").isNull(), body);
        return body.path("response");
    }

    /** The code in the one SMS of a request. Only an SMS gateway may read this topic in a deployment. */
    private String code(String id) {
        Event sms = reader.await("the SMS", 1, SMS, causedBy(id)).get(0);
        Matcher digits = Pattern.compile("\\b[0-9]{6}\\b").matcher(sms.body().path("message").asString());
        Check.that(digits.find(), "the SMS has no code");
        return digits.group();
    }

    private static Predicate<Event> causedBy(String id) {
        return it -> Arrays.equals(it.bytes("ce_causationid"), id.getBytes(UTF_8));
    }

    /** A request whose reply cannot come. */
    private interface Ask {
        void run() throws Exception;
    }

    private static void mustTimeOut(Ask ask) throws Exception {
        try {
            ask.run();
        } catch (TimeoutException expected) {
            return;
        }
        throw new AssertionError("a reply came that could not come");
    }

    private static String mobileNumber() {
        return "9%09d".formatted(RANDOM.nextInt(1_000_000_000));
    }

    private static void told(String step, String outcome) {
        System.out.printf("%-24s%s%n", step, outcome);
    }

    private static Map<String, String> options(String[] arguments) {
        var options = new HashMap<>(Map.of("--bootstrap-servers", "localhost:9092", "--jwks", "jwks.json"));
        for (int at = 0; at < arguments.length; at += 2) {
            if (at + 1 == arguments.length || !options.containsKey(arguments[at])) {
                throw new IllegalArgumentException(arguments[at] + " is no option. " + USAGE);
            }
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
