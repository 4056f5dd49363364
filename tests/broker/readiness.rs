//! `/readyz` while the way to the cluster is barred: it says why within a minute, in the words of the first cause, which a restart
//! shows, too; and it is ready within a minute after the end.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::administrator::Administrator;
use crate::harness::cluster::{Cluster, free_port};
use crate::harness::event::send;
use crate::harness::process::otp_stream;
use crate::harness::scenario::{PARTITIONS, Scenario, USER_PASSWORD};

/// A start on another host ends with exit 1 and these texts.
fn start_says(scenario: &Scenario, parts: &[&str]) {
    let host = scenario.another_host("start", "");
    let output = otp_stream(&host.configs, &["run"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in parts {
        assert!(text.contains(part), "expected {part:?} in: {text}");
    }
    assert!(!text.contains("Canary"), "{text}");
}

/// Requests of every partition are answered.
fn serves(scenario: &mut Scenario, first: u64) {
    let series = first..first + 4 * u64::try_from(PARTITIONS).expect("small");
    let request = |n: u64| {
        let partition = i32::try_from(n).expect("small") % PARTITIONS;
        send(&(9_300_000_001 + n).to_string()).key(None).partition(partition).id(&format!("send-{n}"))
    };
    let ids: Vec<String> = series.map(|n| scenario.produce(request(n))).collect();
    for id in &ids {
        scenario.reply(id);
    }
}

#[test]
fn a_changed_password_is_named_and_the_service_goes_on_when_it_is_right_again() {
    let mut scenario = Scenario::secured("password", "");
    let administrator = Administrator::of(&scenario.cluster.bootstrap);
    let process = scenario.run();
    serves(&mut scenario, 0);
    administrator.set_password("password", "another");
    let body = process.await_not_ready(&["authentication failed as `password`"]);
    assert!(!body.contains("Canary"), "{body}");
    start_says(&scenario, &["authentication failed as \"password\""]);
    administrator.set_password("password", USER_PASSWORD);
    let process = process.await_ready();
    serves(&mut scenario, 100);
    assert!(process.terminate().success());
    scenario.audit();
}

#[test]
fn brokers_that_are_away_are_named_and_found_again() {
    let cluster = Cluster::of_one("away", "");
    let mut scenario = Scenario::on_cluster(cluster.clone(), "away", "");
    let process = scenario.run();
    serves(&mut scenario, 0);
    // A broker that dies during a transaction may forget its markers (KAFKA-20734).
    std::thread::sleep(Duration::from_secs(1));
    cluster.kill_9(0);
    process.await_not_ready(&["the brokers cannot be reached"]);
    start_says(&scenario, &[&cluster.bootstrap, "cannot be reached"]);
    cluster.restart(0);
    let process = process.await_ready();
    serves(&mut scenario, 100);
    assert!(process.terminate().success());
    scenario.audit();
}

/// The broker keeps its connections and answers nothing: no connection is lost, and nobody sends anything meanwhile.
#[test]
fn a_broker_that_stands_still_is_noticed_and_found_again() {
    let cluster = Cluster::of_one("still", "");
    let mut scenario = Scenario::on_cluster(cluster.clone(), "still", "");
    let process = scenario.run();
    serves(&mut scenario, 0);
    let under_way: Vec<String> = (50..58)
        .map(|n| scenario.produce(send(&(9_300_000_001_u64 + n).to_string()).id(&format!("send-{n}"))))
        .collect();
    cluster.suspend(0);
    process.await_not_ready(&["the cluster has not answered for "]);
    cluster.resume(0);
    let process = process.await_ready();
    for id in &under_way {
        scenario.reply(id);
    }
    serves(&mut scenario, 100);
    assert!(process.terminate().success());
    scenario.audit();
}

/// Added to `server.properties` for a listener whose clients show a certificate.
const TLS: &str = "
listeners=PLAINTEXT://127.0.0.1:@PORT@,SSL://@TLS@,CONTROLLER://127.0.0.1:@CONTROLLER_PORT@
advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,SSL://@TLS@
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=@FILES@/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=@FILES@/ca.pem
";

/// An authority, and the broker's certificate.
const AUTHORITY: &str = r#"
cat >ca.cnf <<END
[ca]
default_ca = own
[own]
database = issued
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
END
touch issued; echo 01 >serial
key() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1.key" "${@:2}"; }
key ca -x509 -days 2 -out ca.pem
key broker -out broker.csr
key client -out client.csr
openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out broker.crt \
  -extfile <(echo subjectAltName=IP:127.0.0.1)
cat broker.key broker.crt >broker.pem
"#;

/// The client's certificate, valid for `$1` seconds more.
const CLIENT: &str = r#"
at() { date -u -d "$1" +%y%m%d%H%M%SZ; }
openssl ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in client.csr -out client.pem \
  -startdate "$(at '-1 day')" -enddate "$(at "$1 seconds")"
"#;

fn shell(directory: &Path, script: &str, argument: &str) {
    let mut bash = Command::new("bash");
    bash.args(["-euc", script, "certificates", argument]).current_dir(directory);
    let output = bash.output().expect("bash starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_expired_certificate_is_named_and_a_renewed_one_serves() {
    const LIFE: Duration = Duration::from_secs(40);
    let files = crate::harness::cluster::scenario_directory("certificate-files");
    fs::create_dir_all(&files).expect("a directory");
    shell(&files, AUTHORITY, "");
    let address = format!("127.0.0.1:{}", free_port());
    let over = TLS.replace("@TLS@", &address).replace("@FILES@", &files.display().to_string());
    let cluster = Cluster::of_one("certificate", &over);
    let mut scenario = Scenario::on_cluster(cluster.clone(), "certificate", "");
    let own = format!(
        "kafka.bootstrap_servers = \"{address}\"\n[kafka.properties]\n\"security.protocol\" = \"SSL\"\n\
         \"ssl.ca.location\" = \"{0}/ca.pem\"\n\"ssl.certificate.location\" = \"{0}/client.pem\"\n\
         \"ssl.key.location\" = \"{0}/client.key\"\n",
        files.display()
    );
    let file = scenario.directory.join("tls.toml");
    fs::write(&file, own).expect("written");
    scenario.configs.push(file);

    shell(&files, CLIENT, &LIFE.as_secs().to_string());
    let issued = Instant::now();
    let process = scenario.run();
    serves(&mut scenario, 0);
    std::thread::sleep(LIFE.saturating_sub(issued.elapsed()) + Duration::from_secs(1));
    // Connections outlive the certificate.
    cluster.kill_9(0);
    cluster.restart(0);
    let cause = "this client's certificate expired on ";
    process.await_not_ready(&[cause]);
    start_says(&scenario, &[cause]);
    assert!(process.terminate().success());

    shell(&files, CLIENT, "86400");
    let process = scenario.run();
    serves(&mut scenario, 100);
    assert!(process.terminate().success());
    scenario.audit();
}
