# shellcheck shell=bash
# `./dev bench`: starts a broker and a service with an empty store and its own topics, and measures the service.
# At the end it stops what it started and deletes the topics that it created.

BENCH_DIR="$TARGET/bench"
BENCH_HTTP_PORT="${BENCH_HTTP_PORT:-29464}"
BENCH_SERVICE=""
BENCH_ID=""
BENCH_STARTED_KAFKA=false
BENCH_STARTED_REGISTRY=false
# Of events and replies.
BENCH_FORMAT=json

# bench: all measurements. bench NAME [ARGS…]: only one of them: `throughput`, `latency`, `contracts`, `bare` or `recovery`.
# bench --format avro: what a request costs if events and replies are in Avro, against JSON.
# The shipped program measures throughput and latency of a running service; the program otp-bench (crates/bench) measures
# `bare`, and `recovery`, for which it starts and kills the service itself.
bench() {
  need_packages build kafka
  cargo_step bench-build "building otp-stream and otp-bench" build --release -p otp-stream -p otp-bench || die "the build failed"
  kafka_runs || BENCH_STARTED_KAFKA=true
  trap bench_end EXIT
  kafka_start
  if [ "${1:-}" = recovery ]; then
    bench_recovery "${@:2}"
    return
  fi
  bench_warm_up
  if [ "${1:-}" = --format ]; then
    [ "${2:-}" = avro ] || die "./dev bench --format avro [--requests N]" 2
    bench_formats "${@:3}"
    return
  fi
  if [ "${1:-}" = bare ]; then
    bench_bare "${@:2}"
    return
  fi
  if [ "$#" -gt 0 ]; then
    bench_service "${BENCH_PARTITIONS:-1}"
    bench_run "$@"
    return
  fi
  note "the broker and the Kafka clients alone:"
  bench_bare
  bench_service 1
  note "one stream thread, one partition:"
  bench_run all
  bench_stop_service
  bench_service 6
  note "one stream thread, six partitions:"
  bench_run throughput
}

# The same backlog for a service whose events and replies are JSON, and for one where they are Avro, in turn.
bench_formats() {
  registry_runs || BENCH_STARTED_REGISTRY=true
  registry_start
  local format us
  declare -A sums=([json]=0 [avro]=0)
  for format in json avro avro json; do
    BENCH_FORMAT="$format"
    bench_service "${BENCH_PARTITIONS:-1}"
    us="$(bench_run throughput --json "$@" | sed -n 's/.*"steadyCpuUsPerRequest": \([0-9.]*\).*/\1/p')"
    [ -n "$us" ] || die "the measurement has no CPU per request"
    bench_stop_service
    note "$format: $us µs of CPU per request"
    sums[$format]="$(awk "BEGIN { print ${sums[$format]} + $us }")"
  done
  awk "BEGIN { printf \"avro costs %.2f times json (≤ 1.3)\n\", ${sums[avro]} / ${sums[json]} }"
}

# A broker that has just started is slow for a minute: its JVM compiles code, on the same processors. So it gets work that is
# not measured.
bench_warm_up() {
  $BENCH_STARTED_KAFKA || return 0
  bench_service 1
  step bench-warm "warming up the broker" bench_warm_rounds || die "the service does not answer"
  bench_stop_service
}

bench_warm_rounds() {
  local round
  for round in 1 2 3; do
    bench_program bench throughput --requests 200000 || return 1
  done
  bench_program bench latency --seconds 20 || return 1
  # Writes the broker's data to the disk before the measurement begins.
  sync
}

# The broker and the clients without any processing, on topics that are deleted afterwards.
bench_bare() {
  bench_deployment 1
  bench_tool bare "$@" || die "the measurement failed"
  bench_stop_service
}

# Kills and restores. BENCH_KEEP=NAME keeps the topics and the store, and the next run with this name loads no subjects.
bench_recovery() {
  local again=()
  if [ -n "${BENCH_KEEP:-}" ] && [ -f "$BENCH_DIR/$BENCH_KEEP/loaded" ]; then
    BENCH_ID="$BENCH_KEEP"
    again=(--reuse)
  else
    bench_deployment "${BENCH_PARTITIONS:-1}" "${BENCH_KEEP:-}"
    # Codes that outlive the measurement, so that no expiry sweep runs during it.
    cat >>"$BENCH_DIR/$BENCH_ID/config.toml" <<'TOML'
[policy.egov]
lifetime_ms = 14400000
[policy.bounds]
lifetime_ms_max = 14400000
TOML
  fi
  if ! bench_tool recovery --program "$(program)" "${again[@]}" "$@"; then
    # Keeps the subjects that an earlier run has loaded.
    [ "${#again[@]}" -eq 0 ] || BENCH_ID=""
    die "the measurement failed"
  fi
  if [ -n "${BENCH_KEEP:-}" ]; then
    touch "$BENCH_DIR/$BENCH_ID/loaded"
    note "kept the topics and the store: run again with BENCH_KEEP=$BENCH_ID to use them"
    BENCH_ID=""
  fi
}

# bench_service PARTITIONS: starts a service with its own topics, keys and store.
bench_service() {
  bench_deployment "$1"
  # Not in a function: $! must be the process id of the service.
  "$(program)" --config "$BENCH_DIR/$BENCH_ID/config.toml" run \
    >"$BENCH_DIR/$BENCH_ID/service.log" 2>&1 </dev/null &
  BENCH_SERVICE=$!
  step bench-ready "starting the service" await 30 bench_ready || {
    tail -n 20 "$BENCH_DIR/$BENCH_ID/service.log" >&2
    die "the service did not become ready"
  }
}

# bench_deployment PARTITIONS [NAME]: creates the topics, keys and configuration of a service. NAME is its application id.
bench_deployment() {
  ! port_open "$BENCH_HTTP_PORT" || die "port $BENCH_HTTP_PORT is in use by another program: set BENCH_HTTP_PORT to a free port"
  BENCH_ID="${2:-bench-$$-$1-$(date +%s)}"
  mkdir -p "$BENCH_DIR/$BENCH_ID"
  bench_file "$1" >"$BENCH_DIR/$BENCH_ID/config.toml"
  bench_program keys generate --out "$BENCH_DIR/$BENCH_ID/keys.toml" 2>/dev/null
  step bench-topics "creating its topics" bench_program topics create || die "the topics could not be created"
}

bench_file() {
  cat <<TOML
application.id = "$BENCH_ID"
store.directory = "$BENCH_DIR/$BENCH_ID/data"
keys.file = "$BENCH_DIR/$BENCH_ID/keys.toml"
http.listen = "127.0.0.1:$BENCH_HTTP_PORT"
[kafka]
bootstrap_servers = "127.0.0.1:$KAFKA_PORT"
create.partitions = $1
create.replication_factor = 1
[kafka.topics]
TOML
  local topic
  for topic in $(sed -n '/^\[kafka.topics\]/,/^\[kafka.create\]/s/^\([a-z_]*\) = .*/\1/p' config/default.toml); do
    echo "$topic = \"$BENCH_ID-$topic\""
  done
  cat <<TOML
[[callers]]
name = "egov"
contract = "egov"
request_topic = "$BENCH_ID-request"
reply_topic = "$BENCH_ID-response"
reply_format = "$BENCH_FORMAT"
TOML
  if [ "$BENCH_FORMAT" = avro ]; then
    cat <<TOML
[schema_registry]
urls = ["$REGISTRY_URL"]
[formats]
TOML
    printf '%s = "avro"\n' sms email validation_result lifecycle signal
  fi
  local contract
  for contract in int mosip; do
    cat <<TOML
[[callers]]
name = "$contract"
contract = "$contract"
request_topic = "$BENCH_ID-$contract-request"
reply_topic = "$BENCH_ID-$contract-response"
reveal_code = true
TOML
  done
}

bench_tool() { "$TARGET/release/otp-bench" --config "$BENCH_DIR/$BENCH_ID/config.toml" "$@"; }

bench_program() { "$(program)" --config "$BENCH_DIR/$BENCH_ID/config.toml" "$@"; }

bench_run() {
  bench_program bench "$@" --pid "$BENCH_SERVICE" || {
    note "the end of the service's log:"
    tail -n 20 "$BENCH_DIR/$BENCH_ID/service.log" >&2
    die "the measurement failed"
  }
}

# Status 2 if the process has ended, so that nobody waits for it.
bench_ready() {
  kill -0 "$BENCH_SERVICE" 2>/dev/null || return 2
  port_open "$BENCH_HTTP_PORT" || return 1
  exec 3<>"/dev/tcp/127.0.0.1/$BENCH_HTTP_PORT" || return 1
  printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  local status
  read -r _ status _ <&3
  exec 3>&-
  [ "$status" = 200 ]
}

bench_stop_service() {
  [ -n "$BENCH_ID" ] || return 0
  if [ -n "$BENCH_SERVICE" ]; then
    kill "$BENCH_SERVICE" 2>/dev/null || true
    wait "$BENCH_SERVICE" || note "the service ended with status $?"
  fi
  BENCH_SERVICE=""
  kafka_java org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$KAFKA_PORT" \
    --delete --topic "$BENCH_ID-.*" >/dev/null || note "could not delete the topics $BENCH_ID-…"
  rm -rf "${BENCH_DIR:?}/$BENCH_ID"
  BENCH_ID=""
}

bench_end() {
  bench_stop_service
  ! $BENCH_STARTED_REGISTRY || registry_stop
  ! $BENCH_STARTED_KAFKA || kafka_stop
}
