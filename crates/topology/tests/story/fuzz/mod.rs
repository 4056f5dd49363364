//! Random bytes for everything that reads bytes: real samples (`corpus/`) that are cut, flipped, spliced, repeated and
//! nested.
//!
//! `OTP_FUZZ_CASES` sets the number of cases per property; the default is 2000. Commit the file that a failure adds under
//! `proptest-regressions/`: its case runs first from then on. Finds no wrong rule: only panics, endless loops, error texts
//! that repeat a payload, values that change when they are written and read again, and requests without a reply.

mod decoders;
mod records;

use proptest::prelude::*;
use proptest::sample::Index;

/// Stands for a secret in a sample. No error text may repeat it.
const CANARY: &str = "CANARY";

const SAMPLES: [&[u8]; 18] = [
    include_bytes!("corpus/send.json"),
    include_bytes!("corpus/create.json"),
    include_bytes!("corpus/validate.json"),
    include_bytes!("corpus/search.json"),
    include_bytes!("corpus/admin.json"),
    include_bytes!("corpus/policy.json"),
    include_bytes!("corpus/template.json"),
    include_bytes!("corpus/client.json"),
    include_bytes!("corpus/directory.json"),
    include_bytes!("corpus/int_generate.json"),
    include_bytes!("corpus/int_validate.json"),
    include_bytes!("corpus/int_policy.json"),
    include_bytes!("corpus/mosip_generate.json"),
    include_bytes!("corpus/mosip_validate.json"),
    include_bytes!("corpus/mosip_sendotp.json"),
    include_bytes!("corpus/mosip_login.json"),
    include_bytes!("corpus/mosip_client.json"),
    include_bytes!("corpus/mosip_template.json"),
];

/// Text that parsers have failed on.
const PIECES: [&[u8]; 19] = [
    b"null",
    b"-0",
    b"1e999",
    b"18446744073709551616",
    b"\"\\ud800\"",
    b"\"\\u0000\"",
    b"{\"otp\":{\"otp\":1,\"OTP\":2}}",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"\xff\xfe",
    b"\xe0\xa5\xa7",
    b"%s%s%s%n",
    b"$otp${otp}$!otp$$ ${",
    b"2022-02-30 24:00:60",
    b"180.0",
    b"\"userId\":\"CANARY\",\"userid\":\"CANARY\",",
    b"\xd9\xa1\xd9\xa2",
    b"(a{1000}){1000}",
    b"\"CANARY\"",
    b"CANARY",
];

#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Cut(Index),
    Drop(Index, usize),
    Insert(Index, Vec<u8>),
    Piece(Index, Index),
    Repeat(Index, usize, usize),
    Splice(Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        1 => any::<Index>().prop_map(Edit::Cut),
        2 => (any::<Index>(), 1_usize..20).prop_map(|(at, length)| Edit::Drop(at, length)),
        2 => (any::<Index>(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, it)| Edit::Insert(at, it)),
        3 => (any::<Index>(), any::<Index>()).prop_map(|(at, piece)| Edit::Piece(at, piece)),
        1 => (any::<Index>(), 1_usize..40, 2_usize..3_000).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(at, other)| Edit::Splice(at, other)),
    ]
}

fn apply(edit: &Edit, bytes: &mut Vec<u8>) {
    let place = |at: &Index| at.index(bytes.len() + 1);
    match edit {
        Edit::Flip(at, bit) => {
            let at = place(at);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Edit::Cut(at) => bytes.truncate(place(at)),
        Edit::Drop(at, length) => {
            let at = place(at);
            bytes.drain(at..bytes.len().min(at + length));
        }
        Edit::Insert(at, more) => insert(bytes, place(at), more),
        Edit::Piece(at, piece) => insert(bytes, place(at), PIECES[piece.index(PIECES.len())]),
        Edit::Repeat(at, length, times) => {
            let at = place(at);
            let part = bytes[at..bytes.len().min(at + length)].repeat(*times);
            insert(bytes, at, &part);
        }
        Edit::Splice(at, other) => {
            let other = SAMPLES[other.index(SAMPLES.len())];
            let at = place(at);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[at.min(other.len())..]);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, more: &[u8]) {
    bytes.splice(at..at, more.iter().copied());
}

/// One of the samples after at most four edits; sometimes random bytes.
fn mutated(samples: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edited = (prop::sample::select(samples), prop::collection::vec(edit(), 0..5));
    prop_oneof![
        9 => edited.prop_map(|(mut bytes, edits)| {
            edits.iter().for_each(|edit| apply(edit, &mut bytes));
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

fn json() -> impl Strategy<Value = Vec<u8>> {
    mutated(SAMPLES.iter().map(|it| it.to_vec()).collect())
}

fn cases() -> ProptestConfig {
    let asked = std::env::var("OTP_FUZZ_CASES").ok().and_then(|it| it.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(2_000), ..ProptestConfig::default() }
}

/// Checks that an error shows nothing of its payload.
fn check_silent(error: &(impl std::fmt::Display + std::fmt::Debug)) {
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error} {error:?}");
}
