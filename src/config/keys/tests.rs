//! Which key files are valid, and that no error text repeats a secret.

use super::*;

/// A key of a purpose whose secret is this digit and a count.
fn key(purpose: &str, id: u32, secret: &str) -> String {
    format!("[[{purpose}]]\nid = {id}\nactive_from = \"2026-11-2{id}T00:00:00Z\"\nsecret = \"{secret}\"\n")
}

fn secret(digit: char) -> String {
    format!("{}ab", String::from(digit).repeat(62))
}

/// A valid file, with `changed` in place of the code key.
fn file(changed: &str) -> String {
    let rest = [("id", '2'), ("pseudonym", '3'), ("directory", '4')];
    rest.iter().fold(changed.to_owned(), |text, (purpose, digit)| text + &key(purpose, 1, &secret(*digit)))
}

fn check(text: &str, expected: Result<(), &str>) {
    let message = keyring(text, "key file k").map(|_| ()).map_err(|err| err.to_string());
    match (&message, expected) {
        (Ok(()), Ok(())) => {}
        (Err(message), Err(part)) => {
            assert!(message.contains(part), "expected {part:?} in: {message}");
            for digits in ["1111", "2222", "7777"] {
                assert!(!message.contains(digits), "{message}");
            }
        }
        _ => panic!("{message:?}, expected {expected:?}, for: {text}"),
    }
}

#[test]
fn a_valid_key_file_is_read() {
    let code = key("code", 1, &secret('1'));
    check(&file(&code), Ok(()));
    check(&file(&(code.clone() + &key("code", 2, &secret('7')))), Ok(()));
    check(&file(&code.replace("\"2026-11-21T00:00:00Z\"", "2026-11-21T00:00:00+05:30")), Ok(()));
    check(&file(&(code.clone() + &key("token", 1, &secret('7')))), Ok(()));
    let optional = key("token", 1, &secret('7')) + &key("client", 1, &secret('8'));
    check(&file(&(code.clone() + &optional)), Ok(()));
    check(
        &file(&(code.clone() + "[[client]]\nanything = 1\n")),
        Err("[[client]] number 1: a field that does not exist"),
    );
    let not_on_curve = format!("{}00", "f".repeat(62));
    let expected = Err("the token key 1 is no private key of the curve P-256; copy one that");
    check(&file(&(code.clone() + &key("token", 1, &not_on_curve))), expected);
    check(&file(&code.replace("11ab", "11AB")), Ok(()));
}

#[test]
fn a_fault_of_one_key_is_reported_without_its_secret() {
    for (right, wrong, expected) in [
        ("[[code]]", "[[codes]]", "did you mean code?"),
        ("[[code]]", "[code]", "code is not a list of keys; begin each key with [[code]]"),
        ("secret", "secrets", "[[code]] number 1: a field that does not exist; did you mean secret?"),
        ("1111", "111", "[[code]] number 1: secret must be 64 hex digits"),
        ("1111", "111g", "secret must be 64 hex digits"),
        ("ab\"", "", "line 4 is not TOML"),
        ("secret = \"1", "secret = 1", "line 4 is not TOML"),
        ("id = 1", "id = -1", "id must be a whole number"),
        ("T00:00:00Z", "", "active_from must be a time with a zone"),
    ] {
        let code = key("code", 1, &secret('1'));
        assert!(code.contains(right), "{right}");
        check(&file(&code.replace(right, wrong)), Err(expected));
    }
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    let code = key("code", 1, &secret('1'));
    let with = |other: String| file(&(code.clone() + &other));
    check(&file(""), Err("key file k: no code key; a key file has [[code]], [[id]]"));
    check(&file(&key("code", 1, &"0".repeat(64))), Err("secret is not a random key"));
    check(&file(&key("code", 1, &secret('2'))), Err("the code key 1 and the id key 1 are the same secret"));
    check(&with(key("code", 1, &secret('7'))), Err("two code keys with id 1; give every key"));
    check(&with(key("code", 2, &secret('7')).replace("11-22", "11-21")), Err("the same active_from"));
    check(&with(key("pseudonym", 2, &secret('7'))), Err("2 pseudonym keys: only one is allowed"));
}

#[test]
fn a_generated_file_is_valid_and_never_the_same() {
    let first = generate(LogTime::from_ms(1_800_000_000_000)).expect("random bytes");
    let second = generate(LogTime::from_ms(1_800_000_000_000)).expect("random bytes");
    assert_ne!(*first, *second);
    keyring(&first, "generated").expect("a good file");
    assert!(first.contains("active_from = \"2027-01-15T08:00:00.000Z\""), "{}", *first);
}

#[cfg(unix)]
#[test]
fn a_new_file_is_readable_by_its_owner_only_and_overwrites_none() {
    use std::os::unix::fs::PermissionsExt as _;

    let path = std::env::temp_dir().join(format!("otp-stream-keys-{}.toml", std::process::id()));
    write_new(&path, "text").expect("a new file");
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    let again = write_new(&path, "other").map_err(|err| err.to_string()).expect_err("it is there");
    let text = fs::read_to_string(&path).expect("it is there");
    fs::remove_file(&path).expect("it is there");
    assert_eq!((mode & 0o777, text.as_str()), (0o600, "text"));
    assert!(again.contains("exists; keys are never overwritten"), "{again}");
}
