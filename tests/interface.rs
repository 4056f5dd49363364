//! `schemas/asyncapi.yaml` and `docs/reference.html` are what the program prints with the default configuration.
//!
//! With `OTP_INTERFACE_RECORD` set, what it prints is written into the files.

use std::fs;
use std::path::Path;
use std::process::Command;

const FILES: [(&str, &str); 2] = [("schemas/asyncapi.yaml", "yaml"), ("docs/reference.html", "html")];

#[test]
fn the_checked_in_documents_are_those_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, format) in FILES {
        let printed = printed(&["schemas", "asyncapi", "--format", format]);
        if std::env::var_os("OTP_INTERFACE_RECORD").is_some() {
            fs::write(root.join(file), &printed).expect("the file can be written");
        }
        let text = fs::read_to_string(root.join(file)).expect("the file can be read");
        let differs = text.lines().zip(printed.lines()).position(|(is, made)| is != made);
        assert!(
            text == printed,
            "{file} is not what the program prints: it differs from line {} on; run this test with OTP_INTERFACE_RECORD=1",
            differs.map_or(text.lines().count().min(printed.lines().count()), |at| at) + 1
        );
    }
}

#[test]
fn both_forms_of_the_document_say_the_same() {
    let json: serde_json::Value =
        serde_json::from_str(&printed(&["schemas", "asyncapi", "--format", "json"])).expect("JSON");
    assert_eq!(json["asyncapi"], "3.0.0");
    let yaml = printed(&["schemas", "asyncapi"]);
    for topic in json["channels"].as_object().expect("channels").keys() {
        assert!(yaml.contains(&format!("\n  {topic}:\n")), "{topic}");
    }
}

#[test]
fn the_document_follows_the_configuration() {
    let yaml = printed(&["--set", "kafka.topics.lifecycle=my-lifecycle", "schemas", "asyncapi"]);
    assert!(yaml.contains("address: my-lifecycle\n") && !yaml.contains("otp-lifecycle"));
}

/// What the program prints, from a directory without a configuration.
fn printed(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otp-stream"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OTP_STREAM"))
    {
        command.env_remove(name);
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let output = command.args(arguments).current_dir(corpus).output().expect("the program can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints text")
}
