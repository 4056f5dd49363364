# shellcheck shell=bash
# `./dev bench`: a broker, a service with a blank store and topics of its own, and `otp-stream bench` against it.
# Everything that it starts it stops, and the topics that it makes it deletes.

BENCH_DIR="$TARGET/bench"
BENCH_HTTP_PORT="${BENCH_HTTP_PORT:-29464}"
BENCH_SERVICE=""
BENCH_ID=""
BENCH_STARTED_KAFKA=false

# bench: the whole round. bench WHAT [ARGS…]: only `throughput`, `latency` or `bare`, with the service's process known;
# `recovery` starts and kills the service by itself.
bench() {
  need_packages build kafka
  build_program
  kafka_runs || BENCH_STARTED_KAFKA=true
  trap bench_end EXIT
  kafka_start
  if [ "${1:-}" = recovery ]; then
    bench_recovery "${@:2}"
    return
  fi
  bench_warm_up
  if [ "$#" -gt 0 ]; then
    bench_service "${BENCH_PARTITIONS:-1}"
    bench_run "$@"
    return
  fi
  bench_service 1
  note "one stream thread, one partition:"
  bench_run all
  bench_stop_service
  bench_service 6
  note "one stream thread, six partitions:"
  bench_run throughput
}

# A broker that has just started is slow for a minute, until its JVM has compiled what it runs, and shares the processors
# with its compiler: it gets work that nobody measures.
bench_warm_up() {
  $BENCH_STARTED_KAFKA || return 0
  bench_service 1
  step bench-warm "warming the broker up" bench_warm_rounds || die "the service does not answer"
  bench_stop_service
}

bench_warm_rounds() {
  local round
  for round in 1 2 3; do
    bench_program bench throughput --requests 200000 || return 1
  done
  bench_program bench latency --seconds 20 || return 1
  # What it wrote goes to the disk now, not amid a measurement.
  sync
}

# Kills and restores. With BENCH_KEEP=NAME topics and store stay, and the next round with that name loads nothing.
bench_recovery() {
  local again=()
  if [ -n "${BENCH_KEEP:-}" ] && [ -f "$BENCH_DIR/$BENCH_KEEP/loaded" ]; then
    BENCH_ID="$BENCH_KEEP"
    again=(--reuse)
  else
    bench_place "${BENCH_PARTITIONS:-1}" "${BENCH_KEEP:-}"
    # Codes outlive the measurement, so that no sweep works along.
    cat >>"$BENCH_DIR/$BENCH_ID/config.toml" <<'TOML'
[policy.egov]
lifetime_ms = 14400000
[policy.bounds]
lifetime_ms_max = 14400000
TOML
  fi
  if ! bench_program bench recovery "${again[@]}" "$@"; then
    # What an earlier round has loaded is not lost to a failure of this one.
    [ "${#again[@]}" -eq 0 ] || BENCH_ID=""
    die "the measurement failed"
  fi
  if [ -n "${BENCH_KEEP:-}" ]; then
    touch "$BENCH_DIR/$BENCH_ID/loaded"
    note "kept: BENCH_KEEP=$BENCH_ID loads nothing the next time"
    BENCH_ID=""
  fi
}

# A service on PARTITIONS partitions with topics, keys and a store of its own.
bench_service() {
  bench_place "$1"
  # Not through a function: its process number must be the service's own.
  "$(program)" --config "$BENCH_DIR/$BENCH_ID/config.toml" run \
    >"$BENCH_DIR/$BENCH_ID/service.log" 2>&1 </dev/null &
  BENCH_SERVICE=$!
  step bench-ready "starting the service" await 30 bench_ready || {
    tail -n 20 "$BENCH_DIR/$BENCH_ID/service.log" >&2
    die "the service did not become ready"
  }
}

# The topics, keys and configuration of a service that does not run yet; NAME, if it is given, is its application id.
bench_place() {
  ! port_open "$BENCH_HTTP_PORT" || die "port $BENCH_HTTP_PORT is taken by another program: choose BENCH_HTTP_PORT"
  BENCH_ID="${2:-bench-$$-$1-$(date +%s)}"
  mkdir -p "$BENCH_DIR/$BENCH_ID"
  bench_file "$1" >"$BENCH_DIR/$BENCH_ID/config.toml"
  bench_program keys generate --out "$BENCH_DIR/$BENCH_ID/keys.toml" 2>/dev/null
  step bench-topics "creating its topics" bench_program topics create || die "the topics were not created"
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
  for topic in sms email validation_result lifecycle dead_letter user_directory otp_policy message_template \
    client_registry otp_admin; do
    echo "$topic = \"$BENCH_ID-$topic\""
  done
  cat <<TOML
[[callers]]
name = "egov"
contract = "egov"
request_topic = "$BENCH_ID-request"
reply_topic = "$BENCH_ID-response"
TOML
}

bench_program() { "$(program)" --config "$BENCH_DIR/$BENCH_ID/config.toml" "$@"; }

bench_run() {
  bench_program bench "$@" --pid "$BENCH_SERVICE" || {
    note "the end of the service's log:"
    tail -n 20 "$BENCH_DIR/$BENCH_ID/service.log" >&2
    die "the measurement failed"
  }
}

# Ready; or gone, and then there is nothing to wait for.
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
    --delete --topic "$BENCH_ID-.*" >/dev/null || note "the topics $BENCH_ID-… are left over"
  rm -rf "${BENCH_DIR:?}/$BENCH_ID"
  BENCH_ID=""
}

bench_end() {
  bench_stop_service
  ! $BENCH_STARTED_KAFKA || kafka_stop
}
