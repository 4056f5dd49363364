//! Clients of other projects: kcat and Kafka's console tools.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::cluster::{classpath, cluster};

/// Produces one record with `kcat -P`.
pub(crate) fn kcat_produce(topic: &str, key: &str, headers: &[(&str, &str)], value: &str) {
    let mut command = Command::new("kcat");
    command.args(["-b", &cluster().bootstrap, "-P", "-t", topic, "-k", key]);
    for (name, value) in headers {
        command.args(["-H", &format!("{name}={value}")]);
    }
    feed(&mut command, value);
}

/// All committed records of a topic, as `kcat -J` prints them.
pub(crate) fn kcat_consume(topic: &str) -> Vec<Value> {
    let mut command = Command::new("kcat");
    command.args(["-b", &cluster().bootstrap, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"]);
    command.args(["-X", "isolation.level=read_committed"]);
    let output = command.output().expect("kcat is installed: `./dev test` installs it");
    assert!(output.status.success(), "kcat -C: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON of kcat")).collect()
}

/// Produces one record with the console producer. `line` is `headers TAB key TAB value`, with headers as `name:value`.
pub(crate) fn console_produce(topic: &str, line: &str) {
    let mut command = java("org.apache.kafka.tools.ConsoleProducer");
    command.args(["--bootstrap-server", &cluster().bootstrap, "--topic", topic]);
    for property in ["parse.headers=true", "parse.key=true"] {
        command.args(["--reader-property", property]);
    }
    feed(&mut command, line);
}

/// The first `count` committed records from the console consumer, each as `headers TAB key TAB value`.
pub(crate) fn console_consume(topic: &str, count: usize) -> Vec<String> {
    let mut command = java("org.apache.kafka.tools.consumer.ConsoleConsumer");
    command.args(["--bootstrap-server", &cluster().bootstrap, "--topic", topic, "--from-beginning"]);
    command.args(["--isolation-level", "read_committed", "--timeout-ms", "30000"]);
    command.args(["--max-messages", &count.to_string()]);
    for property in ["print.headers=true", "print.key=true"] {
        command.args(["--formatter-property", property]);
    }
    let output = command.output().expect("java is installed");
    assert!(output.status.success(), "the console consumer: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn java(class: &str) -> Command {
    let mut command = Command::new("java");
    command.args([
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
    ]);
    command.args(["-cp", &classpath(), class]);
    command
}

fn feed(command: &mut Command, line: &str) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`./dev test` installs kcat and Java");
    writeln!(child.stdin.take().expect("its standard input"), "{line}").expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
