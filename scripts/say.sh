# shellcheck shell=bash
# What the script says while it works: one line per step with its seconds, live on a terminal, plain elsewhere.

LOGS="${CARGO_TARGET_DIR:-$ROOT/target}/dev-logs"

note() { printf '%s\n' "$*" >&2; }

die() {
  note "error: $1"
  exit "${2:-1}"
}

# The last thing the log of a running step says, for the live line.
last_words() {
  tail -c 2000 "$1" 2>/dev/null | tr '\r' '\n' | sed 's/\x1b\[[0-9;]*[a-zA-Z]//g' |
    grep -v '^[[:space:]]*$' | tail -n 1 | cut -c1-60 || true
}

# step NAME TITLE COMMAND…: runs the command with its output in a log file, and says how long it takes.
# Shows the end of the log if it fails, and returns its status.
step() {
  local name="$1" title="$2"
  shift 2
  mkdir -p "$LOGS"
  local log="$LOGS/$name.log" begun=$SECONDS status=0 live=false
  [ -t 2 ] && [ -z "${CI:-}" ] && live=true
  $live || note "… $title"
  "$@" >"$log" 2>&1 </dev/null &
  local child=$!
  # shellcheck disable=SC2064
  trap "kill $child 2>/dev/null || true; exit 130" INT TERM
  watch_step "$child" "$title" "$log" "$begun" "$live"
  wait "$child" || status=$?
  trap - INT TERM
  local took=$((SECONDS - begun))
  $live && printf '\r\033[K' >&2
  if [ "$status" -eq 0 ]; then
    note "✓ $title (${took} s)"
  else
    note "✗ $title (${took} s), status $status; the end of $log:"
    tail -n "${STEP_TAIL:-60}" "$log" >&2
  fi
  return "$status"
}

watch_step() {
  local child="$1" title="$2" log="$3" begun="$4" live="$5" ticks=0 faces='|/-\'
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    ticks=$((ticks + 1))
    if $live; then
      printf '\r\033[K%s %s %d s  %s' "${faces:ticks%4:1}" "$title" $((SECONDS - begun)) "$(last_words "$log")" >&2
    elif [ $((ticks % 150)) -eq 0 ]; then
      note "  … $title, $((SECONDS - begun)) s: $(last_words "$log")"
    fi
  done
}
