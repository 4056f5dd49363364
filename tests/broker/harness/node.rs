//! Apache Kafka for the test program: one broker that all scenarios share, and one of its own for each that kills it.
//! Private ports, a private directory, gone when the program ends.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const START_LIMIT: Duration = Duration::from_secs(60);

/// 16 bytes in base64, as `kafka.tools.StorageTool` takes them.
const CLUSTER_ID: &str = "b3RwLXN0cmVhbS10ZXN0cw";

pub struct Node {
    pub bootstrap: String,
    /// Everything that belongs to it lies below.
    pub directory: PathBuf,
    port: u16,
    /// The JVM hangs on the standard input of this shell: when the test program ends, in whatever way, so does it.
    leash: Mutex<Child>,
}

/// The broker that scenarios share, started by whoever asks first.
pub fn node() -> Arc<Node> {
    static NODE: OnceLock<Arc<Node>> = OnceLock::new();
    NODE.get_or_init(|| Arc::new(Node::start(directory().to_owned()))).clone()
}

/// Everything of one scenario lies below.
pub fn scenario_directory(name: &str) -> PathBuf {
    directory().join(name)
}

/// Everything of this test program lies below.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(fresh_directory)
}

/// A port of the loopback interface that nothing listens on, below those that outgoing connections take.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = u16::try_from(std::process::id() % 9_000).expect("below 9000");
    loop {
        let port = 20_000 + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The jars of Kafka and its tools.
pub fn classpath() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".kafka/classpath");
    fs::read_to_string(&file)
        .unwrap_or_else(|e| panic!("{}: {e}; `./dev test` fetches Kafka and writes it", file.display()))
        .trim()
        .to_owned()
}

impl Node {
    /// A broker for one scenario alone.
    pub fn own(name: &str) -> Arc<Self> {
        let directory = scenario_directory(name).join("broker");
        fs::create_dir_all(&directory).expect("a directory for the broker");
        Arc::new(Self::start(directory))
    }

    /// SIGKILL, and the end awaited.
    pub fn kill_9(&self) {
        let mut leash = self.leash.lock().unwrap_or_else(PoisonError::into_inner);
        drop(leash.stdin.take());
        leash.wait().expect("the shell ends");
    }

    /// With the same ports and the same data.
    pub fn start_again(&self) {
        *self.leash.lock().unwrap_or_else(PoisonError::into_inner) = leash(&self.directory);
        self.await_answer();
    }

    fn start(directory: PathBuf) -> Self {
        let (port, controller) = (free_port(), free_port());
        let file = directory.join("server.properties");
        let text = include_str!("../../../scripts/kafka/server.properties")
            .replace("@PORT@", &port.to_string())
            .replace("@CONTROLLER_PORT@", &controller.to_string())
            .replace("@LOG_DIR@", &directory.join("kafka").display().to_string());
        fs::write(&file, text).expect("server.properties is written");
        let leash = Mutex::new(leash(&directory));
        let node = Self { bootstrap: format!("127.0.0.1:{port}"), directory, port, leash };
        node.await_answer();
        node
    }

    fn await_answer(&self) {
        let until = Instant::now() + START_LIMIT;
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("log_level", "0")
            .create()
            .expect("a consumer");
        while Instant::now() < until {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok()
                && consumer.fetch_metadata(None, Duration::from_secs(5)).is_ok()
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = fs::read_to_string(self.directory.join("server.log")).unwrap_or_default();
        panic!("Kafka did not start within {START_LIMIT:?}; its log:\n{said}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill_9();
    }
}

fn leash(directory: &Path) -> Child {
    let mut command = Command::new("bash");
    command.args(["-c", LEASH, "leash"]).arg(classpath()).arg(CLUSTER_ID).current_dir(directory);
    command.stdin(Stdio::piped()).spawn().expect("bash starts")
}

/// Formats what is blank, runs the broker, and kills it when standard input closes.
const LEASH: &str = r#"
tool() { java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "$@"; }
{ { [ -f kafka/meta.properties ] || tool -cp "$1" kafka.tools.StorageTool format -t "$2" -c server.properties; } &&
  exec java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$1" kafka.Kafka server.properties; } >>server.log 2>&1 </dev/null &
broker=$!
read -r _
kill -9 "$broker"
wait "$broker"
"#;

/// A directory for this process; those of test programs that are gone are removed.
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
