//! Records as the tests see them: requests to produce, and committed events.

use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use serde_json::{Value, json};

/// A committed record of any topic.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Event {
    pub(crate) fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
        });
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or_default(),
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().map(<[u8]>::to_vec),
            headers,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// The text of a header; empty if the header is absent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.header(name).map_or("", |value| std::str::from_utf8(value).expect("a header in UTF-8"))
    }

    pub(crate) fn body(&self) -> Value {
        let payload = self.payload.as_deref().expect("a value");
        serde_json::from_slice(payload).expect("a value in JSON")
    }

    /// The id of the request that caused this event.
    pub(crate) fn cause(&self) -> &str {
        self.text("ce_causationid")
    }

    /// `error.fields[0].code` of a reply; empty if the reply reports success.
    pub(crate) fn error_code(&self) -> String {
        self.body()["error"]["fields"][0]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The one-time code in the text of an SMS.
    pub(crate) fn code(&self) -> String {
        code_in(self.body()["message"].as_str().expect("the text of an SMS"))
    }

    /// The one-time code in the text of an e-mail.
    pub(crate) fn mailed_code(&self) -> String {
        code_in(self.body()["email"]["body"].as_str().expect("the text of an e-mail"))
    }
}

fn code_in(text: &str) -> String {
    let mut runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 4);
    runs.next().expect("a code in the text").to_owned()
}

/// A record to produce.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub key: Option<Vec<u8>>,
    /// `None`: the partition that Java's partitioner chooses for the key.
    pub partition: Option<i32>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub payload: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn of(key: &str, body: &Value) -> Self {
        Self {
            key: Some(key.as_bytes().to_vec()),
            payload: Some(body.to_string().into_bytes()),
            ..Self::default()
        }
    }

    /// A request with any bytes as value and without a key.
    pub(crate) fn raw(payload: &[u8]) -> Self {
        Self { payload: Some(payload.to_vec()), ..Self::default() }
    }

    pub(crate) fn id(self, id: &str) -> Self {
        self.header("ce_id", id.as_bytes())
    }

    pub(crate) fn header(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push((name.to_owned(), value.to_vec()));
        self
    }

    pub(crate) fn key(mut self, key: Option<&str>) -> Self {
        self.key = key.map(|key| key.as_bytes().to_vec());
        self
    }

    pub(crate) fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
}

/// The default tenant of requests.
pub(crate) const TENANT: &str = "pb.amritsar";

/// The canonical subject of a number of the default tenant.
pub(crate) fn subject(number: &str) -> String {
    format!("egov|pb|{number}")
}

/// A `send` of a login code to a citizen, as DIGIT's clients write it.
pub(crate) fn send(number: &str) -> Request {
    send_as(number, "login")
}

pub(crate) fn send_as(number: &str, kind: &str) -> Request {
    let body = json!({
        "operation": "send",
        "RequestInfo": {"apiId": "Rainmaker", "ver": ".01", "ts": "", "msgId": "20170310130900|en_IN"},
        "otp": {"mobileNumber": number, "type": kind, "tenantId": TENANT, "userType": "CITIZEN"},
    });
    Request::of(&subject(number), &body)
}

pub(crate) fn validate(number: &str, code: &str) -> Request {
    let body = json!({
        "operation": "validate",
        "RequestInfo": {"apiId": "Rainmaker", "msgId": "20170310130900|en_IN"},
        "otp": {"otp": code, "identity": number, "tenantId": TENANT},
    });
    Request::of(&subject(number), &body)
}

pub(crate) fn create(identity: &str) -> Request {
    let body = json!({"operation": "create", "otp": {"identity": identity, "tenantId": TENANT}});
    Request::of(&subject(identity), &body)
}

pub(crate) fn search(identity: &str, uuid: &str) -> Request {
    let body =
        json!({"operation": "search", "otp": {"UUID": uuid, "identity": identity, "tenantId": TENANT}});
    Request::of(&subject(identity), &body)
}

/// A wrong code of the same length.
pub(crate) fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { char::from(digit as u8 + 1) }).collect()
}
