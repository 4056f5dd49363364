//! The bytes of a subject: pinned, read back, and refused when they are damaged.

use super::*;
use crate::otp::due_at;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn time() -> impl Strategy<Value = LogTime> {
    any::<u64>().prop_map(LogTime::from_ms)
}

fn code() -> impl Strategy<Value = CodeRef> {
    let purpose = (0..Purpose::ALL.len()).prop_map(|at| Purpose::ALL[at]);
    let parts = (any::<[u8; 16]>(), purpose, any::<u32>(), 4_u8..=10, any::<u8>());
    parts.prop_map(|(id, purpose, key, digits, rotation)| CodeRef {
        challenge: ChallengeId(id),
        purpose,
        key: KeyId(key),
        digits: Digits::new(digits).expect("4 to 10"),
        rotation,
    })
}

fn challenge() -> impl Strategy<Value = Challenge> {
    let state = prop_oneof![
        Just(ChallengeState::Live),
        time().prop_map(|at| ChallengeState::Used { at }),
        time().prop_map(|at| ChallengeState::Ended { at }),
    ];
    let resend = prop_oneof![Just(Resend::Same), Just(Resend::Rotate)];
    let flags = any::<(bool, bool)>();
    let holder = option::of(any::<[u8; 16]>().prop_map(Holder));
    let prefix =
        option::of((0..10_000_u16).prop_map(|it| NumberPrefix::from_number(it).expect("four digits")));
    let issuer = (any::<[u8; 8]>(), holder, prefix);
    let rest = (any::<[u8; 3]>(), resend, state, flags, "\\PC{0,20}", issuer);
    (code(), time(), time(), rest).prop_map(|(code, issued_at, expires_at, rest)| {
        let ([tries_max, tries, sends], resend, state, flags, tenant, issuer) = rest;
        let (version, holder, prefix) = issuer;
        let (decoy, expiry_reported) = flags;
        Challenge {
            code,
            issued_at,
            expires_at,
            tries_max,
            tries,
            resend,
            sends,
            state,
            decoy,
            expiry_reported,
            tenant: tenant.into(),
            policy_version: PolicyVersion(version),
            holder,
            prefix,
        }
    })
}

fn subject() -> impl Strategy<Value = Subject> {
    let lock = prop_oneof![Just(Lock::None), Just(Lock::UntilReleased), time().prop_map(Lock::Until),];
    let remembered = (any::<[u8; 16]>(), time(), vec(any::<u8>(), 0..300), option::of(code()));
    let remembered = remembered.prop_map(|(request, at, reply, code)| Remembered {
        request: RequestDigest(request),
        at,
        reply: reply.into(),
        code,
    });
    let purpose = (0..Purpose::ALL.len()).prop_map(|at| Purpose::ALL[at]);
    let reserved = (any::<[u8; 16]>(), time(), purpose, any::<i32>());
    let reserved = reserved.prop_map(|(request, at, purpose, partition)| Reservation {
        request: RequestDigest(request),
        at,
        purpose,
        partition,
    });
    let reserved = prop_oneof![2 => Just(Vec::new()), 1 => vec(reserved, 1..=RESERVED_MAX)];
    let remembered = vec(remembered, 0..=REMEMBERED_MAX);
    let lists = (vec(challenge(), 0..=4), vec(time(), 0..60), remembered, reserved);
    (time(), any::<u32>(), lock, lists).prop_map(|(last_time, consecutive_wrong, lock, lists)| Subject {
        last_time,
        challenges: lists.0,
        consecutive_wrong,
        lock,
        sends: lists.1,
        remembered: lists.2,
        reserved: lists.3,
    })
}

fn example() -> Subject {
    let code = CodeRef {
        challenge: ChallengeId([0xc1; 16]),
        purpose: Purpose::Login,
        key: KeyId(7),
        digits: Digits::new(6).expect("six"),
        rotation: 2,
    };
    Subject {
        last_time: LogTime::from_ms(1_735_689_600_000),
        challenges: vec![Challenge {
            code,
            issued_at: LogTime::from_ms(1_735_689_500_000),
            expires_at: LogTime::from_ms(1_735_689_800_000),
            tries_max: 5,
            tries: 1,
            resend: Resend::Rotate,
            sends: 3,
            state: ChallengeState::Used { at: LogTime::from_ms(1_735_689_600_000) },
            decoy: false,
            expiry_reported: true,
            tenant: "pb.amritsar".into(),
            policy_version: PolicyVersion([0xab; 8]),
            holder: Some(Holder([0xe1; 16])),
            prefix: NumberPrefix::of("9123456789"),
        }],
        consecutive_wrong: 4,
        lock: Lock::Until(LogTime::from_ms(1_735_689_700_000)),
        sends: vec![LogTime::from_ms(1_735_689_500_000)],
        remembered: vec![Remembered {
            request: RequestDigest([0xd1; 16]),
            at: LogTime::from_ms(1_735_689_600_000),
            reply: (*b"reply").into(),
            code: Some(code),
        }],
        reserved: Vec::new(),
    }
}

#[test]
fn the_layout_is_pinned() {
    let hex: String = encode_subject(&example()).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = "03000001941f297c000000000401000001941f2b02a001c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c102\
        000000070602000001941f27f560000001941f2c8940050102030201000001941f297c00abababab\
        abababab000b70622e616d72697473617201e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e123a301000001941f27f56001d1d1d1d1d1d1d1d1d1d1d1d1d1\
        d1d1d1000001941f297c0001c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1020000000706020000000572\
        65706c79";
    assert_eq!(hex, expected);
}

#[test]
fn places_that_are_held_make_version_4() {
    let mut subject = example();
    let before = encode_subject(&subject);
    subject.reserved.push(Reservation {
        request: RequestDigest([0xf1; 16]),
        at: LogTime::from_ms(0x0102),
        purpose: Purpose::Login,
        partition: 7,
    });
    let place = [&[1][..], &[0xf1; 16], &[0, 0, 0, 0, 0, 0, 1, 2, 2, 0, 0, 0, 7]].concat();
    assert_eq!(encode_subject(&subject), [&[4], &before[1..], &place].concat());
    let none = [&[4], &before[1..], &[0]].concat();
    assert_eq!(decode_subject(&none), Err(BadRecord::Damaged("nothing is reserved")));
}

#[test]
fn a_subject_of_an_earlier_version_has_no_prefixes_and_no_holders() {
    let check = |version: u8, holder: Option<Holder>| {
        let mut subject = example();
        subject.challenges[0].holder = holder;
        subject.challenges[0].prefix = None;
        let mut bytes = encode_subject(&subject);
        let after_tenant = bytes.windows(11).position(|it| it == b"pb.amritsar").expect("a tenant") + 11;
        let after_holder = after_tenant + if holder.is_some() { 17 } else { 1 };
        assert_eq!(bytes.drain(after_holder..after_holder + 2).collect::<Vec<_>>(), NO_PREFIX.to_be_bytes());
        if version == VERSION_WITHOUT_HOLDER {
            assert_eq!(bytes.remove(after_tenant), 0);
        }
        bytes[0] = version;
        assert_eq!(decode_subject(&bytes), Ok(subject));
    };
    check(VERSION_WITHOUT_HOLDER, None);
    check(VERSION_WITHOUT_PREFIX, None);
    check(VERSION_WITHOUT_PREFIX, Some(Holder([0xe1; 16])));
}

#[test]
fn an_unknown_version_is_named() {
    let mut bytes = encode_subject(&Subject::default());
    bytes[0] = 5;
    assert_eq!(decode_subject(&bytes), Err(BadRecord::UnknownVersion(5)));
    assert_eq!(decode_subject(&[]), Err(BadRecord::Damaged("too short")));
}

#[test]
fn a_shortened_or_lengthened_subject_is_damaged() {
    let whole = encode_subject(&example());
    for length in 0..whole.len() {
        assert!(decode_subject(&whole[..length]).is_err(), "cut at {length}");
    }
    let longer = [whole, vec![0]].concat();
    assert_eq!(decode_subject(&longer), Err(BadRecord::Damaged("more bytes than fields")));
}

proptest! {
    #[test]
    fn an_encoded_subject_decodes_to_itself(subject in subject()) {
        let bytes = encode_subject(&subject);
        prop_assert_eq!(subject_due_at(&bytes), Ok(due_at(&subject)));
        prop_assert_eq!(decode_subject(&bytes), Ok(subject));
    }

    #[test]
    fn a_flipped_bit_is_refused_or_gives_another_subject(subject in subject(), at: prop::sample::Index, bit in 0..8_u32) {
        let mut bytes = encode_subject(&subject);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert_eq!(subject_due_at(&bytes), decode_subject(&bytes).map(|read| due_at(&read)));
        // A subject without challenges is the same in earlier versions.
        if let (true, Ok(read)) = (bytes[0] >= VERSION, decode_subject(&bytes)) {
            prop_assert_eq!(encode_subject(&read), bytes);
            prop_assert_ne!(read, subject);
        }
    }

    #[test]
    fn random_bytes_are_read_or_refused(mut bytes in vec(any::<u8>(), 0..400), versioned: bool) {
        if let (true, Some(first)) = (versioned, bytes.first_mut()) {
            *first = VERSION;
        }
        prop_assert_eq!(subject_due_at(&bytes), decode_subject(&bytes).map(|read| due_at(&read)));
        if let Ok(subject) = decode_subject(&bytes) {
            prop_assert_eq!(encode_subject(&subject), bytes);
        }
    }
}
