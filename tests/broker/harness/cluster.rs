//! Apache Kafka for the test program: one broker that all scenarios share, a secured one for scenarios with a user of their own,
//! and a separate cluster for each scenario that kills brokers. They use free ports and a directory of this process. Both are
//! removed when the process ends.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::Metadata;

const START_LIMIT: Duration = Duration::from_secs(180);

/// 16 bytes in base64, the format of `kafka.tools.StorageTool`.
const CLUSTER_ID: &str = "b3RwLXN0cmVhbS10ZXN0cw";

/// The controller notices after this time that a broker of a cluster of three is gone.
pub(crate) const BROKER_SESSION_MS: u64 = 3_000;

/// Added to `server.properties` for clusters of three brokers, so that one may die and nothing stops.
const THREE_REPLICAS: &str = "
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
";

/// Added to `server.properties` for the secured broker. The plain listener is the administrator's: it may do everything. On the
/// other one the users of SASL/PLAIN are fixed, those of SCRAM come and go, and each proves every few seconds again who it is.
const SECURED: &str = "
listeners=PLAINTEXT://127.0.0.1:@PORT@,SASL_PLAINTEXT://@SECURED@,CONTROLLER://127.0.0.1:@CONTROLLER_PORT@
advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,SASL_PLAINTEXT://@SECURED@
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required@USERS@;
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_plaintext.connections.max.reauth.ms=6000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
";

/// Names and passwords of SASL/PLAIN on the secured broker, without `\\`.
pub(crate) const PLAIN_USERS: [(&str, &str); 2] = [("plain", "Canary-1"), ("quoted", "\"Canary-2\"")];

pub(crate) struct Cluster {
    /// The listeners without authentication.
    pub bootstrap: String,
    brokers: Vec<Broker>,
}

/// A broker with access rules, and a second listener whose clients authenticate.
#[derive(Clone)]
pub(crate) struct SecuredCluster {
    pub cluster: Arc<Cluster>,
    /// The listener whose clients authenticate.
    pub address: String,
}

struct Broker {
    port: u16,
    /// Contains all files of the broker.
    directory: PathBuf,
    /// This shell kills the JVM when its standard input closes, so the JVM never outlives the test program.
    shell: Mutex<Child>,
}

/// The broker that scenarios share. The first call starts it.
pub(crate) fn cluster() -> Arc<Cluster> {
    static SHARED: OnceLock<Arc<Cluster>> = OnceLock::new();
    SHARED.get_or_init(|| Arc::new(Cluster::start(directory(), 1, ""))).clone()
}

/// The secured broker that scenarios share. The first call starts it.
pub(crate) fn secured_cluster() -> &'static SecuredCluster {
    static SHARED: OnceLock<SecuredCluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        let address = format!("127.0.0.1:{}", free_port());
        let user =
            |(name, password): (&str, &str)| format!(" user_{name}=\"{}\"", password.replace('"', r#"\\""#));
        let users: String = PLAIN_USERS.into_iter().map(user).collect();
        let over = SECURED.replace("@SECURED@", &address).replace("@USERS@", &users);
        SecuredCluster { cluster: Cluster::of_one("secured", &over), address }
    })
}

/// Contains all files of a scenario.
pub(crate) fn scenario_directory(name: &str) -> PathBuf {
    directory().join(name)
}

/// Contains all files of this test program.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(fresh_directory)
}

/// A free port of the loopback interface, below the range of outgoing connections. A lock file reserves it for this program
/// until the program ends, even while nothing listens on it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let locks = std::env::temp_dir().join("otp-stream-test-ports");
    fs::create_dir_all(&locks).expect("a directory for the locks");
    let base = u16::try_from(std::process::id() % 9_000).expect("below 9000");
    loop {
        let port = 20_000 + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let lock = File::create(locks.join(port.to_string())).expect("a file for the lock");
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            HELD.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
            return port;
        }
    }
}

/// The Java class path of Kafka and its tools.
pub(crate) fn classpath() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".kafka/classpath");
    fs::read_to_string(&file)
        .unwrap_or_else(|e| panic!("{}: {e}; `./dev test` fetches Kafka and writes it", file.display()))
        .trim()
        .to_owned()
}

impl Cluster {
    /// Three brokers for one scenario. Each is also a controller.
    pub(crate) fn of_three(name: &str) -> Arc<Self> {
        Arc::new(Self::start(&directory().join(format!("{name}-brokers")), 3, THREE_REPLICAS))
    }

    /// One broker for one scenario. `over` is added to `server.properties`.
    pub(crate) fn of_one(name: &str, over: &str) -> Arc<Self> {
        Arc::new(Self::start(&directory().join(format!("{name}-broker")), 1, over))
    }

    /// Contains all files of the brokers, one directory each.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.brokers.iter().map(|broker| broker.directory.as_path())
    }

    /// Sends SIGKILL and waits for the end. `broker` counts from 0.
    pub(crate) fn kill_9(&self, broker: usize) {
        self.brokers[broker].kill_9();
    }

    /// Starts a killed broker with its ports and data. Waits until every partition has all its replicas.
    pub(crate) fn restart(&self, broker: usize) {
        let broker = &self.brokers[broker];
        *broker.shell.lock().unwrap_or_else(PoisonError::into_inner) = start_broker(&broker.directory);
        self.await_replicas();
    }

    /// Sends SIGSTOP: the broker stands still and keeps its connections, until [`Cluster::resume`].
    pub(crate) fn suspend(&self, broker: usize) {
        self.brokers[broker].signal("STOP");
    }

    /// Sends SIGCONT. Waits until every partition has all its replicas.
    pub(crate) fn resume(&self, broker: usize) {
        self.brokers[broker].signal("CONT");
        self.await_replicas();
    }

    /// Damages the last record of a partition in the files of a killed broker: when it starts, it cuts its log before that record.
    pub(crate) fn cut_log(&self, broker: usize, topic: &str, partition: i32) {
        let log = self.brokers[broker].directory.join(format!("kafka/{topic}-{partition}"));
        let file = log.join("00000000000000000000.log");
        let file = File::options().write(true).open(&file).expect("the first segment");
        file.set_len(file.metadata().expect("its size").len() - 1).expect("shorter");
    }

    fn start(directory: &Path, size: usize, over: &str) -> Self {
        let ports: Vec<(u16, u16)> = (0..size).map(|_| (free_port(), free_port())).collect();
        let listed = |text: &dyn Fn(usize) -> String| (0..size).map(text).collect::<Vec<_>>().join(",");
        let voters = listed(&|it| format!("{}@127.0.0.1:{}", it + 1, ports[it].1));
        let bootstrap = listed(&|it| format!("127.0.0.1:{}", ports[it].0));
        let brokers = (0..size).map(|it| {
            let (port, controller) = ports[it];
            let directory = directory.join(format!("broker-{}", it + 1));
            fs::create_dir_all(&directory).expect("a directory for the broker");
            let text = format!("{}{over}", include_str!("../../../scripts/kafka/server.properties"))
                .replace("@PORT@", &port.to_string())
                .replace("@CONTROLLER_PORT@", &controller.to_string())
                .replace("@LOG_DIR@", &directory.join("kafka").display().to_string());
            let own = format!("node.id={}\ncontroller.quorum.voters={voters}\n", it + 1);
            fs::write(directory.join("server.properties"), text + &own).expect("written");
            let shell = Mutex::new(start_broker(&directory));
            Broker { port, directory, shell }
        });
        let cluster = Self { brokers: brokers.collect(), bootstrap };
        cluster.await_replicas();
        cluster
    }

    fn await_replicas(&self) {
        let until = Instant::now() + START_LIMIT;
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("log_level", "0")
            .create()
            .expect("a consumer");
        while Instant::now() < until {
            if self.brokers.iter().all(|it| TcpStream::connect(("127.0.0.1", it.port)).is_ok())
                && let Ok(metadata) = consumer.fetch_metadata(None, Duration::from_secs(5))
                && has_all_replicas(&metadata, self.brokers.len())
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let logs = self.brokers.iter().map(|it| fs::read_to_string(it.directory.join("server.log")));
        let log_text = logs.map(Result::unwrap_or_default).collect::<Vec<_>>().join("\n");
        panic!("Kafka did not start within {START_LIMIT:?}; its log:\n{log_text}");
    }
}

fn has_all_replicas(metadata: &Metadata, brokers: usize) -> bool {
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    metadata.brokers().len() == brokers
        && partitions.into_iter().all(|it| it.leader() >= 0 && it.isr().len() == it.replicas().len())
}

impl Broker {
    fn signal(&self, name: &str) {
        let pid = fs::read_to_string(self.directory.join("pid")).expect("the shell has written it");
        let status = Command::new("kill").args([&format!("-{name}"), pid.trim()]).status();
        assert!(status.expect("`kill` starts").success(), "SIG{name} reaches the broker");
    }

    fn kill_9(&self) {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        drop(shell.stdin.take());
        shell.wait().expect("the shell ends");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for broker in &self.brokers {
            broker.kill_9();
            drop(fs::remove_dir_all(&broker.directory));
        }
    }
}

fn start_broker(directory: &Path) -> Child {
    let mut command = Command::new("bash");
    command.args(["-c", BROKER_SHELL, "broker"]).arg(classpath()).arg(CLUSTER_ID).current_dir(directory);
    // The kernel wakes a stopped process when its process group loses the last tie to the session.
    command.process_group(0).stdin(Stdio::piped()).spawn().expect("bash starts")
}

/// Formats a new directory, runs the broker, and kills it when standard input closes.
const BROKER_SHELL: &str = r#"
tool() { java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "$@"; }
{ { [ -f kafka/meta.properties ] || tool -cp "$1" kafka.tools.StorageTool format -t "$2" -c server.properties; } &&
  exec java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$1" kafka.Kafka server.properties; } >>server.log 2>&1 </dev/null &
broker=$!
echo "$broker" >pid
read -r _
kill -9 "$broker"
wait "$broker"
"#;

/// Creates a directory for this process. Removes those of test programs that have ended.
fn fresh_directory() -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for old in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = old.file_name().to_string_lossy().into_owned();
        if let Some(pid) = name.strip_prefix("broker-")
            && !Path::new("/proc").join(pid).exists()
        {
            drop(fs::remove_dir_all(old.path()));
        }
    }
    let directory = parent.join(format!("broker-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory for the test program");
    directory
}
