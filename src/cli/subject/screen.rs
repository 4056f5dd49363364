//! Prints what is stored for a subject: as text for people, as JSON for programs.

use std::fmt::Write as _;

use otp_topology::otp::{ChallengeEnd, ChallengeReport, Lock, LogTime, SendReport, SubjectReport};
use otp_topology::wire::rfc3339;
use serde_json::{Value, json};

/// What was read.
pub(super) struct Source<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub records: u64,
}

pub(super) fn text(report: &SubjectReport, source: &Source<'_>) -> String {
    let mut text = format!("as of           {}\n", time(report.as_of));
    let lock = match report.lock {
        Lock::None => "none".to_owned(),
        Lock::Until(end) => format!("locked until {}", time(end)),
        Lock::UntilReleased => "locked until `otp-stream subject unlock`".to_owned(),
    };
    let SubjectReport { consecutive_wrong, tries_left, .. } = report;
    let _ = writeln!(text, "lock            {lock}");
    let _ =
        writeln!(text, "wrong tries     {consecutive_wrong} in a row; {tries_left} more lock the subject");
    sends(&report.sends, &mut text);
    for challenge in &report.challenges {
        let _ = writeln!(text, "challenge       {}", line(challenge, &report.sends));
    }
    if report.challenges.is_empty() {
        text.push_str("challenge       none within the last 24 hours\n");
    }
    let _ = writeln!(text, "source          {}", read(source));
    text
}

/// Times in epoch milliseconds; what does not apply is null.
pub(super) fn json(report: &SubjectReport, source: &Source<'_>) -> String {
    let (kind, until) = match report.lock {
        Lock::None => ("none", None),
        Lock::Until(end) => ("until", Some(end.ms())),
        Lock::UntilReleased => ("untilReleased", None),
    };
    let SendReport { last, in_10_min, in_10_min_max, in_day, in_day_max, per_challenge_max, next_at } =
        report.sends;
    let document = json!({
        "stored": true,
        "asOf": report.as_of.ms(),
        "lock": {"kind": kind, "until": until},
        "consecutiveWrong": report.consecutive_wrong,
        "triesLeft": report.tries_left,
        "sends": {
            "lastAt": last.map(LogTime::ms),
            "in10Min": in_10_min,
            "in10MinMax": in_10_min_max,
            "inDay": in_day,
            "inDayMax": in_day_max,
            "perChallengeMax": per_challenge_max,
            "nextAt": next_at.map(LogTime::ms),
        },
        "challenges": report.challenges.iter().map(challenge).collect::<Vec<_>>(),
        "source": json_source(source),
    });
    format!("{document}\n")
}

pub(super) fn absent_text(source: &Source<'_>) -> String {
    format!(
        "nothing is stored for this subject: no challenge within the last 24 hours, no wrong try, no lock\nsource          \
         {}\n",
        read(source)
    )
}

pub(super) fn absent_json(source: &Source<'_>) -> String {
    format!("{}\n", json!({"stored": false, "source": json_source(source)}))
}

fn sends(sends: &SendReport, text: &mut String) {
    let SendReport { last, in_10_min, in_10_min_max, in_day, in_day_max, next_at, .. } = sends;
    let last = last.map_or_else(|| "none".to_owned(), time);
    let _ = writeln!(
        text,
        "deliveries      {in_10_min} of {in_10_min_max} in 10 minutes, {in_day} of {in_day_max} in 24 hours; last {last}"
    );
    let next = next_at.map_or_else(|| "after an unlock".to_owned(), time);
    let _ = writeln!(text, "next delivery   {next}");
}

fn line(challenge: &ChallengeReport, limits: &SendReport) -> String {
    let ChallengeReport { purpose, tenant, issued_at, expires_at, tries, tries_max, sends, .. } = challenge;
    let (state, at) = end(challenge.end);
    let state = at.map_or_else(|| state.to_owned(), |at| format!("{state} {}", time(at)));
    let decoy = if challenge.is_decoy { ", sent to nobody: the recipient is unknown" } else { "" };
    format!(
        "{} of {tenant}: {state}; valid {} to {}; {tries} of {tries_max} wrong tries; {sends} of {} deliveries{decoy}",
        purpose.as_str(),
        time(*issued_at),
        time(*expires_at),
        limits.per_challenge_max
    )
}

fn challenge(challenge: &ChallengeReport) -> Value {
    let (state, at) = end(challenge.end);
    json!({
        "purpose": challenge.purpose.as_str(),
        "tenantId": challenge.tenant,
        "state": state,
        "endedAt": at.map(LogTime::ms),
        "issuedAt": challenge.issued_at.ms(),
        "expiresAt": challenge.expires_at.ms(),
        "wrongTries": challenge.tries,
        "wrongTriesMax": challenge.tries_max,
        "sends": challenge.sends,
        "isDecoy": challenge.is_decoy,
    })
}

fn end(end: ChallengeEnd) -> (&'static str, Option<LogTime>) {
    match end {
        ChallengeEnd::Live => ("live", None),
        ChallengeEnd::Used(at) => ("used", Some(at)),
        ChallengeEnd::Ended(at) => ("ended", Some(at)),
        ChallengeEnd::Expired(at) => ("expired", Some(at)),
    }
}

fn json_source(source: &Source<'_>) -> Value {
    json!({"topic": source.topic, "partition": source.partition, "records": source.records})
}

fn read(source: &Source<'_>) -> String {
    let Source { topic, partition, records } = source;
    format!("{topic} [{partition}], {records} records read")
}

fn time(time: LogTime) -> String {
    rfc3339::write(time, &mut [0; rfc3339::LEN]).to_owned()
}
