# shellcheck shell=bash
# Messages and steps. A step is one command: its output goes to a log file, its progress and duration to the terminal.

LOGS="${CARGO_TARGET_DIR:-$ROOT/target}/dev-logs"

# Seconds between two progress lines where standard error is not a terminal.
STEP_LINE_INTERVAL_S=30

# The command that prints the progress of the current step in one line, given the log file and the step's start time.
STEP_PROGRESS=last_line

note() { printf '%s\n' "$*" >&2; }

die() {
  note "error: $1"
  exit "${2:-1}"
}

# step NAME TITLE COMMAND…: runs the command and writes its output to the log file NAME.log.
# If the command fails, step prints the end of the log and returns the command's status.
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
    note "✓ $title ($(minutes "$took"))"
  else
    note "✗ $title ($(minutes "$took")), status $status; the end of $log:"
    plain_lines <"$log" | grep -vE '^ *Building \[' | tail -n "${STEP_TAIL:-60}" >&2
  fi
  return "$status"
}

watch_step() {
  local child="$1" title="$2" log="$3" begun="$4" live="$5" due=$((SECONDS + STEP_LINE_INTERVAL_S)) turn=0
  local spinner='|/-\' width
  width="$(tput cols 2>/dev/null || echo 100)"
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.5
    turn=$((turn + 1))
    if $live; then
      printf '\r\033[K%s' "$(printf '%s %s, %s  %s' "${spinner:turn%4:1}" "$title" "$(minutes $((SECONDS - begun)))" \
        "$("$STEP_PROGRESS" "$log" "$begun")" | cut -c "1-$((width - 1))")" >&2
    elif [ "$SECONDS" -ge "$due" ]; then
      due=$((SECONDS + STEP_LINE_INTERVAL_S))
      note "  … $(minutes $((SECONDS - begun))): $("$STEP_PROGRESS" "$log" "$begun")"
    fi
  done
}

# The last line of a log.
last_line() { tail -c 2000 "$1" 2>/dev/null | plain_lines | tail -n 1 | cut -c 1-80 || true; }

# Lines without colours and cursor movements; a progress bar that overwrites itself becomes several lines.
plain_lines() { tr '\r' '\n' | sed 's/\x1b\[[0-9;]*[a-zA-Z]//g' | grep -v '^[[:space:]]*$' || true; }

minutes() {
  if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi
}
