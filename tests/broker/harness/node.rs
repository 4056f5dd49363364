//! One Apache Kafka for the whole test program: private ports, a private directory, gone when the program ends.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const START_LIMIT: Duration = Duration::from_secs(60);

/// 16 bytes in base64, as `kafka.tools.StorageTool` takes them.
const CLUSTER_ID: &str = "b3RwLXN0cmVhbS10ZXN0cw";

pub struct Node {
    pub bootstrap: String,
    /// Everything of this test program lies below.
    pub directory: PathBuf,
    /// The JVM hangs on the standard input of this shell: when the test program ends, in whatever way, so does it.
    _leash: Mutex<Child>,
}

/// The broker, started by whoever asks first.
pub fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(Node::start)
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
    fn start() -> Self {
        let directory = fresh_directory();
        let (port, controller) = (free_port(), free_port());
        let file = directory.join("server.properties");
        let text = include_str!("../../../scripts/kafka/server.properties")
            .replace("@PORT@", &port.to_string())
            .replace("@CONTROLLER_PORT@", &controller.to_string())
            .replace("@LOG_DIR@", &directory.join("kafka").display().to_string());
        fs::write(&file, text).expect("server.properties is written");
        let log = directory.join("server.log");
        let leash = Command::new("bash")
            .args(["-c", LEASH, "leash"])
            .arg(classpath())
            .arg(&file)
            .arg(CLUSTER_ID)
            .arg(&log)
            .stdin(Stdio::piped())
            .spawn()
            .expect("bash starts");
        let node = Self { bootstrap: format!("127.0.0.1:{port}"), directory, _leash: Mutex::new(leash) };
        node.await_answer(port, &log);
        node
    }

    fn await_answer(&self, port: u16, log: &Path) {
        let until = Instant::now() + START_LIMIT;
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("log_level", "0")
            .create()
            .expect("a consumer");
        while Instant::now() < until {
            if TcpStream::connect(("127.0.0.1", port)).is_ok()
                && consumer.fetch_metadata(None, Duration::from_secs(5)).is_ok()
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let said = fs::read_to_string(log).unwrap_or_default();
        panic!("Kafka did not start within {START_LIMIT:?}; its log:\n{said}");
    }
}

/// Formats, runs, and kills the broker when standard input closes.
const LEASH: &str = r#"
tool() { java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "$@"; }
{ tool -cp "$1" kafka.tools.StorageTool format -t "$3" -c "$2" &&
  exec java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$1" kafka.Kafka "$2"; } >"$4" 2>&1 </dev/null &
broker=$!
read -r _
kill -9 "$broker"
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
