# shellcheck shell=bash
# Building with cargo: one profile, the fastest C++ compiler at hand, its results kept by ccache.

TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"

program() { echo "$TARGET/release/otp-stream"; }

# clang 14 compiles RocksDB in about half the time that Debian's g++ takes. A compiler that the caller chose stays.
choose_compiler() {
  local cache=""
  command -v ccache >/dev/null && cache="ccache "
  if command -v clang-14 >/dev/null; then
    export CC="${CC:-${cache}clang-14}" CXX="${CXX:-${cache}clang++-14}"
  fi
}

build_program() {
  choose_compiler
  if ! find "$TARGET/release/build" -name librocksdb.a 2>/dev/null | grep -q .; then
    note "first build here: RocksDB and librdkafka are compiled from source, some minutes on two cores"
  fi
  step build "building otp-stream" cargo build --release || die "the build failed"
}
