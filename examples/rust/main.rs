//! A caller of otp-stream in Rust: asks for codes and verifies them by all three contracts, then reads the results.
//!
//! It needs a running service with the default configuration, and its public keys: `otp-stream keys public > jwks.json`.

#![expect(clippy::disallowed_methods, reason = "a caller has a clock, and draws its own ids")]

mod caller;
mod reader;
mod tokens;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use caller::{Answer, Caller, random_id};
use reader::{Event, Reader};
use tokens::Tokens;

const SHORT: Duration = Duration::from_secs(3);

#[derive(Parser)]
struct Options {
    #[arg(long, default_value = "localhost:9092")]
    bootstrap_servers: String,
    /// What `otp-stream keys public` prints.
    #[arg(long, default_value = "jwks.json")]
    jwks: PathBuf,
}

struct Story {
    /// The caller's own reference: it comes back in every result and lifecycle event.
    client_ref: String,
    tokens: Tokens,
    digit: Caller,
    int: Caller,
    mosip: Caller,
    digit_replies: Reader,
    /// Only an SMS gateway may read this topic in a deployment.
    sms: Reader,
    results: Reader,
    lifecycle: Reader,
    dead_letters: Reader,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut story = Story::new(&options)?;
    story.digit_login()?;
    story.digit_not_an_object()?;
    story.int_otp()?;
    story.mosip_otpmanager()?;
    story.mosip_login()?;
    story.read_results()?;
    println!("Every step went as it should.");
    Ok(())
}

impl Story {
    fn new(options: &Options) -> Result<Self> {
        let bootstrap = &options.bootstrap_servers;
        let client_ref = format!("rust-{}", random_id());
        let caller = |requests, replies| Caller::new(bootstrap, requests, replies, &client_ref);
        Ok(Self {
            tokens: Tokens::read(&options.jwks)?,
            digit: caller("otp-request-egov", "otp-response-egov")?,
            int: caller("otp-request-int", "otp-response-int")?,
            mosip: caller("otp-request-mosip", "otp-response-mosip")?,
            digit_replies: Reader::new(bootstrap, "otp-response-egov")?,
            sms: Reader::new(bootstrap, "egov.core.notification.sms.otp")?,
            results: Reader::new(bootstrap, "otp-validation-result")?,
            lifecycle: Reader::new(bootstrap, "otp-lifecycle")?,
            dead_letters: Reader::new(bootstrap, "otp-dead-letter")?,
            client_ref,
        })
    }

    /// A login whose first reply gets lost: the second request has the same id, and nothing happens twice.
    fn digit_login(&mut self) -> Result<()> {
        let (number, id) = (mobile_number(), random_id());
        let key = format!("egov|pb|{number}");
        let send = json!({
            "operation": "send",
            "RequestInfo": {"msgId": "20170310130900|en_IN"},
            "otp": {"mobileNumber": number, "tenantId": "pb.amritsar", "type": "login", "userType": "CITIZEN"},
        });
        self.digit.stop_reading()?;
        must_time_out(self.digit.ask(&key, &send.to_string(), &id, SHORT)?)?;
        tell("DIGIT send", "no reply within 3 s, since nobody reads the replies");
        self.digit.read_again()?;
        let reply = self.digit.must_reply(&key, &send, &id)?;
        ensure!(reply.body["isSuccessful"] == true, "{}", reply.body);
        let replies = self.digit_replies.wait(2, caused_by(&id))?;
        let [first, second] = replies.as_slice() else { bail!("there are two replies") };
        let same = ["ce_id", "ce_time"].iter().all(|name| first.header(name) == second.header(name));
        ensure!(same && first.body == second.body, "the second reply is not the first one again");
        ensure!(reply.header("ce_id") == first.header("ce_id"), "the reply is another one");
        tell("DIGIT send again", "the same ce_id, the same reply, and one SMS");
        let code = self.code(&id)?;
        let validate = json!({
            "operation": "validate",
            "otp": {"otp": code, "identity": number, "tenantId": "pb.amritsar"},
        });
        let reply = self.digit.ask_once(&key, &validate)?;
        ensure!(reply.body["otp"]["isValidationSuccessful"] == true, "{}", reply.body);
        tell("DIGIT validate", "accepted");
        Ok(())
    }

    /// A value that is no JSON object has no reply. The dead letter repeats the correlation id of the request.
    fn digit_not_an_object(&mut self) -> Result<()> {
        let correlation =
            must_time_out(self.digit.ask("egov|pb|none", r#"["send"]"#, &random_id(), SHORT)?)?;
        let letters =
            self.dead_letters.wait(1, |letter| letter.header("kafka_correlationId") == correlation)?;
        let reason = letters[0].text("__dlq.errors.message");
        tell("DIGIT, no JSON object", &format!("no reply within 3 s; the dead letter says: {reason}"));
        Ok(())
    }

    fn int_otp(&self) -> Result<()> {
        let mobile = mobile_number();
        let key = format!("int|default|{mobile}");
        let second = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let start = (OffsetDateTime::now_utc() - Duration::from_secs(1)).format(&second)?;
        let mut request = json!({
            "operationType": "GENERATE",
            "channel": "Digital", "startTime": start, "duration": 180, "digit": 6, "mobile": mobile,
        });
        let generated = self.int.ask_once(&key, &request)?.body;
        ensure!(generated["status"] == 200, "{generated}");
        tell("INT GENERATE", "status 200, with the code");
        request["operationType"] = json!("VALIDATE");
        request["generatedOtp"] = generated["otp"].clone();
        let validated = self.int.ask_once(&key, &request)?.body;
        ensure!(validated["status"] == 200, "{validated}");
        tell("INT VALIDATE", "status 200");
        Ok(())
    }

    fn mosip_otpmanager(&self) -> Result<()> {
        let name = random_id();
        let response =
            response(&self.ask_mosip("mosip.otp.generate", &name, &json!({"key": name}), &random_id())?)?;
        ensure!(response["status"] == "GENERATION_SUCCESSFUL", "{}", response["status"]);
        tell("MOSIP generate", "GENERATION_SUCCESSFUL");
        let validate = json!({"key": name, "otp": response["otp"]});
        let response =
            self::response(&self.ask_mosip("mosip.otp.validate", &name, &validate, &random_id())?)?;
        ensure!(response["status"] == "success", "{response}");
        tell("MOSIP validate", "VALIDATION_SUCCESSFUL");
        Ok(())
    }

    /// A right code gives a token. Whoever gets the token verifies it with the service's public keys.
    fn mosip_login(&mut self) -> Result<()> {
        let (user, id) = (mobile_number(), random_id());
        let send = json!({
            "userId": user, "otpChannel": ["phone"], "useridtype": "USERID", "appId": "resident", "context": "auth-otp",
        });
        let sent = response(&self.ask_mosip("mosip.authentication.sendotp", &user, &send, &id)?)?;
        ensure!(sent["status"] == "success", "{sent}");
        tell("MOSIP sendotp", "success");
        let login = json!({"userId": user, "otp": self.code(&id)?, "appId": "resident"});
        let reply = self.ask_mosip("mosip.authentication.useridOTP", &user, &login, &random_id())?;
        ensure!(response(&reply)?["status"] == "success", "{}", reply.body);
        let token = reply.text("authorization");
        let claims = self.tokens.verify(&token)?;
        ensure!(claims["sub"] == user.as_str() && claims["isOtpVerified"] == true, "claims of somebody else");
        let kept = &token[..token.len() - 4];
        let forged = format!("{kept}{}", if token.ends_with("AAAA") { "BBBB" } else { "AAAA" });
        ensure!(self.tokens.verify(&forged).is_err(), "a forged token was accepted");
        tell("MOSIP useridOTP", "the token is verified, and a forged one refused");
        Ok(())
    }

    /// What an analyst sees of this run: one result for each verification, and the life of each code.
    fn read_results(&mut self) -> Result<()> {
        let of_this_run = |event: &Event| event.body["clientRef"] == self.client_ref.as_str();
        let results = self.results.wait(4, of_this_run)?;
        let part = |event: &Event, name: &str| event.body[name].as_str().unwrap_or_default().to_owned();
        let row =
            |it: &Event| ["contract", "purpose", "result", "reason"].map(|name| part(it, name)).join(" ");
        let mut seen: Vec<String> = results.iter().map(row).collect();
        seen.sort();
        let issued = ["egov login", "int otp", "mosip generate", "mosip sendotp"];
        ensure!(seen == issued.map(|it| format!("{it} accepted verified")), "{seen:?}");
        let events = self.lifecycle.wait(8, of_this_run)?;
        for kind in ["issued", "verified"] {
            let count = events.iter().filter(|it| it.body["type"] == kind).count();
            ensure!(count == 4, "{count} events `{kind}`, and not 4");
        }
        tell("otp-validation-result", "4 accepted");
        tell("otp-lifecycle", "4 issued, 4 verified");
        Ok(())
    }

    fn ask_mosip(&self, operation: &str, subject: &str, request: &Value, id: &str) -> Result<Event> {
        let second =
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
        let now = OffsetDateTime::now_utc().format(&second)?;
        let envelope = json!({"id": operation, "version": "1.0", "requesttime": now, "metadata": null, "request": request});
        self.mosip.must_reply(&format!("mosip|default|{subject}"), &envelope, id)
    }

    /// The code in the one SMS of a request.
    fn code(&mut self, id: &str) -> Result<String> {
        let sms = self.sms.wait(1, caused_by(id))?;
        let message = sms[0].body["message"].as_str().context("an SMS has a text")?;
        let mut numbers = message.split(|it: char| !it.is_ascii_digit());
        Ok(numbers.find(|it| it.len() == 6).context("the SMS has no code")?.to_owned())
    }
}

/// The member `response` of MOSIP's envelope.
fn response(reply: &Event) -> Result<Value> {
    ensure!(reply.body["errors"].is_null(), "{}", reply.body);
    Ok(reply.body["response"].clone())
}

fn caused_by(id: &str) -> impl Fn(&Event) -> bool {
    move |event| event.header("ce_causationid") == id.as_bytes()
}

/// The correlation id of a request that is not answered.
fn must_time_out(answer: Answer) -> Result<[u8; 16]> {
    match answer {
        Answer::TimeOut { correlation } => Ok(correlation),
        Answer::Reply(_) => bail!("a reply came that could not come"),
    }
}

fn mobile_number() -> String {
    format!("9{:09}", rand::random_range(0..1_000_000_000))
}

fn tell(step: &str, outcome: &str) {
    println!("{step:24}{outcome}");
}
