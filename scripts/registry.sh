# shellcheck shell=bash
# One Apicurio Registry for this working copy, in memory. Maven fetches it; its program and log are in .registry/.

# The newest version that runs on Java 17.
REGISTRY_VERSION=3.0.9
REGISTRY_PORT="${REGISTRY_PORT:-8081}"
REGISTRY_DIR="$ROOT/.registry"
REGISTRY_APP="$REGISTRY_DIR/app"
REGISTRY_JAR="$REGISTRY_APP/apicurio-registry-app-$REGISTRY_VERSION-runner.jar"
REGISTRY_PID="$REGISTRY_DIR/pid"
REGISTRY_LOG="$REGISTRY_DIR/registry.log"
# Its Confluent API, as in schema_registry.urls.
REGISTRY_URL="http://127.0.0.1:$REGISTRY_PORT/apis/ccompat/v7"

registry() {
  case "${1:-}" in
    start) need_packages kafka; registry_start ;;
    stop) registry_stop ;;
    status) registry_status ;;
    *) die "./dev registry start|stop|status" 2 ;;
  esac
}

registry_start() {
  if registry_runs; then
    registry_answers || registry_wait
    note "the schema registry is already running: $REGISTRY_URL"
    return
  fi
  ! port_open "$REGISTRY_PORT" || die "port $REGISTRY_PORT is in use by another program: set REGISTRY_PORT to a free port"
  registry_program
  # shellcheck disable=SC2046
  setsid nohup java $(registry_jvm_flags) "-Dquarkus.http.host=127.0.0.1" "-Dquarkus.http.port=$REGISTRY_PORT" \
    -jar "$REGISTRY_JAR" >>"$REGISTRY_LOG" 2>&1 </dev/null &
  echo $! >"$REGISTRY_PID"
  registry_wait
  note "Apicurio Registry $REGISTRY_VERSION is ready: $REGISTRY_URL (log: ${REGISTRY_LOG#"$ROOT"/})"
}

registry_stop() {
  if ! registry_runs; then
    rm -f "$REGISTRY_PID"
    note "the schema registry is not running"
    return
  fi
  local pid
  pid="$(cat "$REGISTRY_PID")"
  kill "$pid"
  step registry-stop "stopping the schema registry; its schemas are gone" await 30 not registry_runs || kill -9 "$pid"
  rm -f "$REGISTRY_PID"
}

# Prints the state. Status 0 if the registry runs and answers, else 1.
registry_status() {
  if registry_runs && registry_answers; then
    echo "running $REGISTRY_URL pid $(cat "$REGISTRY_PID")"
  elif registry_runs; then
    echo "starting pid $(cat "$REGISTRY_PID")"
    return 1
  else
    echo "stopped"
    return 1
  fi
}

# Fetches and unpacks the registry, unless this version is there.
registry_program() {
  [ ! -f "$REGISTRY_JAR" ] || return 0
  mkdir -p "$REGISTRY_DIR"
  # Later versions of the plugin also want the parent POM of the artifact, which Maven Central does not have.
  step registry-program "fetching Apicurio Registry $REGISTRY_VERSION with Maven" \
    mvn -B org.apache.maven.plugins:maven-dependency-plugin:2.8:get -Dtransitive=false \
    "-Dartifact=io.apicurio:apicurio-registry-app:$REGISTRY_VERSION:tar.gz:all" "-Ddest=$REGISTRY_DIR/app.tar.gz" ||
    die "Maven could not fetch Apicurio Registry; configure a proxy or a mirror in ~/.m2/settings.xml"
  rm -rf "$REGISTRY_APP" "$REGISTRY_APP.part"
  mkdir "$REGISTRY_APP.part"
  tar -xzf "$REGISTRY_DIR/app.tar.gz" -C "$REGISTRY_APP.part" || die "unpacking $REGISTRY_DIR/app.tar.gz failed"
  rm "$REGISTRY_DIR/app.tar.gz"
  mv "$REGISTRY_APP.part" "$REGISTRY_APP"
}

registry_jvm_flags() { echo "${REGISTRY_JVM_OPTS:--Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto}"; }

registry_wait() {
  step registry-start "starting the schema registry" await 60 registry_up || {
    tail -n 20 "$REGISTRY_LOG" >&2
    die "the schema registry did not start; see its log: $REGISTRY_LOG"
  }
}

# Status 2 if the process has ended, so that nobody waits for it.
registry_up() {
  kill -0 "$(cat "$REGISTRY_PID")" 2>/dev/null || return 2
  registry_answers
}

registry_runs() {
  [ -s "$REGISTRY_PID" ] || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$REGISTRY_PID")/cmdline" | grep -qF -- "-jar $REGISTRY_JAR"
}

# Asks with bash alone: curl is not among the packages.
registry_answers() {
  port_open "$REGISTRY_PORT" || return 1
  (
    exec 3<>"/dev/tcp/127.0.0.1/$REGISTRY_PORT"
    printf 'GET /apis/ccompat/v7/subjects HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    read -r -t 5 -u 3 line
    [[ "$line" == *" 200 "* ]]
  ) 2>/dev/null
}
