# shellcheck shell=bash
# Builds with cargo, always with the release profile, and shows how far a build is.

TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"

program() { echo "$TARGET/release/otp-stream"; }

# clang 14 compiles RocksDB in about half the time that Debian's g++ takes. CC and CXX of the caller take precedence.
choose_compiler() {
  local cache=""
  command -v ccache >/dev/null && cache="ccache "
  if command -v clang-14 >/dev/null; then
    export CC="${CC:-${cache}clang-14}" CXX="${CXX:-${cache}clang++-14}"
  fi
}

# cargo_step NAME TITLE ARGUMENTS…: a step that runs cargo and shows how many objects and crates are compiled.
cargo_step() {
  local name="$1" title="$2" status=0
  shift 2
  choose_compiler
  mkdir -p "$LOGS"
  BUILD_BEGIN="$LOGS/$name.begin"
  touch "$BUILD_BEGIN"
  rm -f "$BUILD_BEGIN.fresh"
  BUILDS_ROCKSDB=true BUILDS_LIBRDKAFKA=true
  ! library_is_built librocksdb.a || BUILDS_ROCKSDB=false
  ! library_is_built librdkafka.a || BUILDS_LIBRDKAFKA=false
  STEP_PROGRESS=build_progress
  CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=100 step "$name" "$title" cargo "$@" || status=$?
  STEP_PROGRESS=last_line
  return "$status"
}

build_program() {
  if ! library_is_built librocksdb.a; then
    note "This is the first build here. It compiles RocksDB and librdkafka from source, which takes several minutes."
  fi
  cargo_step build "building otp-stream" build --release || die "the build failed"
}

library_is_built() { find "$TARGET/release/build" -name "$1" 2>/dev/null | grep -q .; }

# The objects that each build script compiles, and the processor time of one object and of one crate, in milliseconds.
ROCKSDB_OBJECTS=343
LIBRDKAFKA_OBJECTS=98
ROCKSDB_OBJECT_MS=4300
LIBRDKAFKA_OBJECT_MS=500
CRATE_MS=900
# This repository's own packages, which cargo compiles last.
OWN_MS=90000

# build_progress LOG BEGUN: "RocksDB 120 of 343 files, librdkafka 98 of 98 files, crates 150 of 199; about 8 min left".
# Without cargo's own progress bar at the end of the log, for example while tests run: the last line of the log.
build_progress() {
  local log="$1" begun="$2" crates fresh compiled text="" work_done work_all
  crates="$(tail -c 4000 "$log" 2>/dev/null | plain_lines | tail -n 1 | sed -n 's:.*Building \[.*\] *\([0-9]*/[0-9]*\).*:\1:p')"
  if [ -z "$crates" ]; then
    last_line "$log"
    return
  fi
  # Crates that are up to date count immediately: the first figure of a build is the number of those.
  [ -s "$BUILD_BEGIN.fresh" ] || echo "${crates%/*}" >"$BUILD_BEGIN.fresh"
  fresh="$(cat "$BUILD_BEGIN.fresh")"
  work_done=$(((${crates%/*} - fresh) * CRATE_MS)) work_all=$(((${crates#*/} - fresh) * CRATE_MS + OWN_MS))
  compiled="$(objects_compiled librocksdb-sys)"
  if $BUILDS_ROCKSDB || [ "$compiled" -gt 0 ]; then
    text="RocksDB $compiled of $ROCKSDB_OBJECTS files, "
    work_done=$((work_done + compiled * ROCKSDB_OBJECT_MS)) work_all=$((work_all + ROCKSDB_OBJECTS * ROCKSDB_OBJECT_MS))
  fi
  compiled="$(objects_compiled rdkafka-sys)"
  if $BUILDS_LIBRDKAFKA || [ "$compiled" -gt 0 ]; then
    text="${text}librdkafka $compiled of $LIBRDKAFKA_OBJECTS files, "
    work_done=$((work_done + compiled * LIBRDKAFKA_OBJECT_MS)) work_all=$((work_all + LIBRDKAFKA_OBJECTS * LIBRDKAFKA_OBJECT_MS))
  fi
  echo "${text}crates ${crates%/*} of ${crates#*/}$(time_left "$work_done" "$work_all" $((SECONDS - begun)))"
}

# objects_compiled PACKAGE: how many objects its build script has compiled since this build began.
objects_compiled() {
  find "$TARGET/release/build" -path "*/$1-*/out/*.o" -newer "$BUILD_BEGIN" 2>/dev/null | wc -l
}

# time_left DONE ALL SECONDS: an estimate from the work done in that time; empty while too little is done.
time_left() {
  [ "$3" -ge 10 ] && [ $(($1 * 20)) -ge "$2" ] || return 0
  local seconds=$((($2 - $1) * $3 / $1))
  if [ "$seconds" -lt 60 ]; then echo "; less than a minute left"; else echo "; about $(((seconds + 30) / 60)) min left"; fi
}
