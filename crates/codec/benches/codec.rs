//! What encoding and decoding cost: `cargo bench -p otp-codec`. Each line is the median of many rounds, in nanoseconds for
//! one value, and the bytes of both forms.

use std::hint::black_box;
use std::time::Instant;

use otp_codec::{Decoder, Encoder, EventSchema, SchemaId, framed};

const ROUNDS: usize = 301;
const VALUES: usize = 1_000;

const LINES: [(EventSchema, &str); 6] = [
    (
        EventSchema::Sms,
        r#"{"mobileNumber":"9123456789","message":"Dear Citizen, Your Login OTP is 123456.","category":"OTP","expiryTime":1700000300000,"countryCode":"+91","tenantId":"pb.amritsar","templateId":null,"locale":"en_IN","eventId":"ffc06602660f557be33fb547ffd59ea4-sms-1","correlationId":"otp-request-egov/3/1234567"}"#,
    ),
    (
        EventSchema::EgovResponse,
        r#"{"responseInfo":{"apiId":"Rainmaker","ver":".01","ts":"","resMsgId":null,"msgId":"20170310130900|en_IN","status":"successful"},"isSuccessful":true}"#,
    ),
    (
        EventSchema::Lifecycle,
        r#"{"eventId":"ffc06602660f557be33fb547ffd59ea4-issued-login","type":"issued","contract":"egov","tenantId":"pb.amritsar","subject":"8d17e389ffcb4b1092d4305755b65fda","challengeId":"56abdce2-1777-86e4-ab0d-96562c27f2bc","requestId":"otp-request-egov/3/1234567","purpose":"login","caller":"egov","clientRef":null,"channels":["sms"],"countryCode":"+91","prefix":"9123","locale":"en_IN","sendNumber":1,"reason":null,"lockedUntil":null,"policyVersion":"78929b0c33c59490","occurredAt":1700000000000}"#,
    ),
    (
        EventSchema::ValidationResult,
        r#"{"eventId":"ffc06602660f557be33fb547ffd59ea4-result","contract":"egov","tenantId":"pb.amritsar","subject":"8d17e389ffcb4b1092d4305755b65fda","challengeId":"56abdce2-1777-86e4-ab0d-96562c27f2bc","requestId":"otp-request-egov/3/1234567","purpose":"login","caller":"egov","clientRef":null,"result":"accepted","reason":"verified","attempts":0,"attemptsRemaining":null,"lockedUntil":null,"policyVersion":"78929b0c33c59490","occurredAt":1700000000000}"#,
    ),
    (
        EventSchema::EgovRequest,
        r#"{"operation":"send","RequestInfo":{"apiId":"Rainmaker","ver":".01","ts":"","msgId":"20170310130900|en_IN"},"otp":{"tenantId":"pb.amritsar","mobileNumber":"9123456789","type":"login","userType":"CITIZEN"}}"#,
    ),
    (
        EventSchema::IntRequest,
        r#"{"operationType":"VALIDATE","generatedOtp":"145236","channel":"Digital","startTime":"2022-12-12 19:04:30","duration":180,"digit":6,"mobile":"8777496061"}"#,
    ),
];

fn main() {
    println!("{:<24} {:>10} {:>10} {:>12} {:>12}", "", "encode ns", "decode ns", "JSON bytes", "Avro bytes");
    for (schema, json) in LINES {
        let encoder = Encoder::new(schema, SchemaId(1));
        let decoder = Decoder::new(schema.text(), schema).expect("a schema of ours");
        let mut avro = Vec::new();
        encoder.encode(json.as_bytes(), &mut avro).expect("an event");
        let mut out = Vec::new();
        let encode = median(|| {
            out.clear();
            encoder.encode(black_box(json.as_bytes()), &mut out).expect("an event");
        });
        let (_, body) = framed(&avro).expect("framed");
        let decode = median(|| {
            out.clear();
            decoder.decode(black_box(body), &mut out).expect("an event");
        });
        println!("{:<24} {encode:>10.0} {decode:>10.0} {:>12} {:>12}", schema.file(), json.len(), avro.len());
    }
}

fn median(mut each: impl FnMut()) -> f64 {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        #[expect(clippy::disallowed_methods, reason = "it measures")]
        let begin = Instant::now();
        for _ in 0..VALUES {
            each();
        }
        rounds.push(begin.elapsed().as_nanos() as f64 / VALUES as f64);
    }
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
