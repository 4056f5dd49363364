# shellcheck shell=bash
# One Apache Kafka node for this working copy. Maven fetches its jars; its data is in .kafka/.

KAFKA_PORT="${KAFKA_PORT:-9092}"
KAFKA_CONTROLLER_PORT="${KAFKA_CONTROLLER_PORT:-9093}"
KAFKA_DIR="$ROOT/.kafka"
KAFKA_CLASSPATH="$KAFKA_DIR/classpath"
KAFKA_PID="$KAFKA_DIR/pid"
KAFKA_LOG="$KAFKA_DIR/server.log"
KAFKA_FILE="$KAFKA_DIR/server.properties"

kafka() {
  case "${1:-}" in
    start) need_packages kafka; kafka_start ;;
    stop) kafka_stop ;;
    wipe) kafka_wipe ;;
    status) kafka_status ;;
    *) die "./dev kafka start|stop|wipe|status" 2 ;;
  esac
}

kafka_start() {
  if kafka_runs; then
    kafka_answers || kafka_wait
    note "Kafka is already running on 127.0.0.1:$KAFKA_PORT"
    return
  fi
  local port
  for port in "$KAFKA_PORT" "$KAFKA_CONTROLLER_PORT"; do
    ! port_open "$port" || die "port $port is in use by another program: set KAFKA_PORT and KAFKA_CONTROLLER_PORT to free ports"
  done
  kafka_jars
  kafka_write_file
  if [ ! -f "$KAFKA_DIR/data/meta.properties" ]; then
    step kafka-format "formatting Kafka's data directory" kafka_format || die "formatting failed"
  fi
  # shellcheck disable=SC2086
  setsid nohup java $(kafka_jvm_flags) -cp "$(cat "$KAFKA_CLASSPATH")" kafka.Kafka "$KAFKA_FILE" \
    >>"$KAFKA_LOG" 2>&1 </dev/null &
  echo $! >"$KAFKA_PID"
  kafka_wait
  note "Kafka $(kafka_version) is ready on 127.0.0.1:$KAFKA_PORT (log: ${KAFKA_LOG#"$ROOT"/})"
}

kafka_stop() {
  if ! kafka_runs; then
    rm -f "$KAFKA_PID"
    note "Kafka is not running"
    return
  fi
  local pid
  pid="$(cat "$KAFKA_PID")"
  kill "$pid"
  step kafka-stop "stopping Kafka" await 30 not kafka_runs || kill -9 "$pid"
  rm -f "$KAFKA_PID"
}

kafka_wipe() {
  kafka_stop
  rm -rf "$KAFKA_DIR/data" "$KAFKA_FILE" "$KAFKA_LOG"
  note "deleted Kafka's data; its jars are kept"
}

# Prints the state. Status 0 if Kafka runs and answers, else 1.
kafka_status() {
  if kafka_runs && kafka_answers; then
    echo "running 127.0.0.1:$KAFKA_PORT pid $(cat "$KAFKA_PID")"
  elif kafka_runs; then
    echo "starting pid $(cat "$KAFKA_PID")"
    return 1
  else
    echo "stopped"
    return 1
  fi
}

# Fetches the jars of the broker and its tools, and writes their class path, unless both are there for this pom.xml.
kafka_jars() {
  if [ -s "$KAFKA_CLASSPATH" ] && [ "$KAFKA_CLASSPATH" -nt scripts/kafka/pom.xml ] && kafka_jars_exist; then
    return
  fi
  mkdir -p "$KAFKA_DIR"
  rm -f "$KAFKA_CLASSPATH"
  step kafka-jars "fetching Kafka $(kafka_version) with Maven" mvn -B -f scripts/kafka/pom.xml \
    dependency:build-classpath "-Dmdep.outputFile=$KAFKA_CLASSPATH.part" ||
    die "Maven could not fetch Kafka; configure a proxy or a mirror in ~/.m2/settings.xml"
  mv "$KAFKA_CLASSPATH.part" "$KAFKA_CLASSPATH"
}

kafka_jars_exist() {
  local jar
  while read -r jar; do
    [ -f "$jar" ] || return 1
  done < <(tr ':' '\n' <"$KAFKA_CLASSPATH")
}

kafka_version() { sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' scripts/kafka/pom.xml; }

kafka_write_file() {
  mkdir -p "$KAFKA_DIR"
  sed -e "s:@PORT@:$KAFKA_PORT:" -e "s:@CONTROLLER_PORT@:$KAFKA_CONTROLLER_PORT:" \
    -e "s:@LOG_DIR@:$KAFKA_DIR/data:" scripts/kafka/server.properties >"$KAFKA_FILE"
}

kafka_format() {
  local id
  id="$(kafka_java kafka.tools.StorageTool random-uuid)" &&
    kafka_java kafka.tools.StorageTool format -t "$id" -c "$KAFKA_FILE"
}

# Runs one of Kafka's own Java tools.
kafka_java() {
  java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -cp "$(cat "$KAFKA_CLASSPATH")" "$@"
}

# ZGC collects while the broker runs. Other collectors stop the broker for 10 ms three times a second, and for 20 to 200 ms
# when the clients use the same cores.
kafka_jvm_flags() {
  echo "${KAFKA_JVM_OPTS:--Xms256m -Xmx768m -XX:+UseZGC -Xshare:auto}" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true
}

kafka_wait() {
  step kafka-start "starting Kafka" await 60 kafka_up || {
    tail -n 20 "$KAFKA_LOG" >&2
    die "Kafka did not start; see its log: $KAFKA_LOG"
  }
}

# Status 2 if the process has ended, so that nobody waits for it.
kafka_up() {
  kill -0 "$(cat "$KAFKA_PID")" 2>/dev/null || return 2
  kafka_answers
}

kafka_runs() {
  [ -s "$KAFKA_PID" ] || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$KAFKA_PID")/cmdline" | grep -qF "kafka.Kafka $KAFKA_FILE"
}

kafka_answers() {
  port_open "$KAFKA_PORT" || return 1
  ! command -v kcat >/dev/null || kcat -b "127.0.0.1:$KAFKA_PORT" -m 2 -L >/dev/null 2>&1
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

not() { ! "$@"; }

# await SECONDS COMMAND…: repeats the command until it succeeds. If it returns 2, await fails immediately.
await() {
  local until=$((SECONDS + $1)) status
  shift
  while [ $SECONDS -lt $until ]; do
    status=0
    "$@" || status=$?
    case "$status" in
      0) return 0 ;;
      2) return 1 ;;
    esac
    sleep 0.1
  done
  return 1
}
