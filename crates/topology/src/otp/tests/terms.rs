//! Codes under terms that a request names itself: a window of its own, and its own number of digits.

use super::Purpose::Otp;
use super::*;

const TERMS: CodeTerms = CodeTerms {
    digits: Digits::new(4).expect("four"),
    begins_at: LogTime::from_ms(1_000),
    expires_at: LogTime::from_ms(2_000),
};

fn issued(story: &mut Story, at_ms: u64, terms: CodeTerms) -> ChallengeView {
    let command = Issue {
        purpose: Otp,
        exit: Exit::Revealed,
        terms: Some(terms),
        holder: None,
        prefix: None,
        is_reserved: false,
        barred: None,
    };
    let (outcome, _) = story.decide(at_ms, &command);
    let IssueOutcome::Issued { challenge, .. } = outcome else {
        panic!("nothing forbids it");
    };
    challenge
}

fn verify(story: &mut Story, at_ms: u64, code: &str, terms: CodeTerms) -> (Verdict, Option<u32>) {
    let (found, _) = story.decide(at_ms, &Verify { purpose: Some(Otp), code, terms: Some(terms) });
    (found.verdict, found.attempts_remaining)
}

#[test]
fn the_stored_terms_judge_and_must_be_repeated() {
    let check = |at_ms: u64, terms: CodeTerms, is_right: bool, expected: (Verdict, Option<u32>)| {
        let mut story = Story::new("{}");
        let challenge = issued(&mut story, 500, TERMS);
        let code = Code::derive(&story.keys, &story.who, challenge.code).expect("the key is there");
        let code = if is_right { code.digits() } else { "wrong" };
        assert_eq!(verify(&mut story, at_ms, code, terms), expected, "{at_ms} {terms:?}");
    };
    let (digits, begins_at) = (Digits::new(5).expect("five"), LogTime::from_ms(1_001));
    let expires_at = LogTime::from_ms(2_001);
    check(999, TERMS, true, (Verdict::NotYetValid, Some(5)));
    check(1_000, TERMS, true, (Verdict::Accepted, None));
    check(2_000, TERMS, true, (Verdict::Accepted, None));
    check(2_001, TERMS, true, (Verdict::Expired, None));
    check(2_001, CodeTerms { expires_at, ..TERMS }, true, (Verdict::Expired, None));
    for other in
        [CodeTerms { digits, ..TERMS }, CodeTerms { begins_at, ..TERMS }, CodeTerms { expires_at, ..TERMS }]
    {
        check(1_500, other, true, (Verdict::Mismatch, Some(5)));
        check(1_500, other, false, (Verdict::Mismatch, Some(5)));
    }
    check(1_500, TERMS, false, (Verdict::WrongCode, Some(4)));
}

#[test]
fn the_same_terms_serve_the_challenge_again_however_little_is_left() {
    let mut story = Story::new("{}");
    let first = issued(&mut story, 1_000, TERMS);
    assert_eq!((first.code.digits, first.issued_at), (TERMS.digits, TERMS.begins_at));
    assert_eq!(issued(&mut story, 2_000, TERMS), first);
    let longer = CodeTerms { expires_at: LogTime::from_ms(3_000), ..TERMS };
    let second = issued(&mut story, 2_000, longer);
    assert_ne!(second.code.challenge, first.code.challenge);
    assert_eq!(second.expires_at, longer.expires_at);
    assert_ne!(issued(&mut story, 3_001, TERMS).code.challenge, first.code.challenge, "the first is over");
}
