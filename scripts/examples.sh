# shellcheck shell=bash
# Builds the example programs, and fetches the libraries that they need.

EXAMPLES_PYTHON="$TARGET/examples-python"

example_programs() {
  step examples-java "compiling the Java example" \
    mvn -B -f examples/java compile exec:java -Dexec.args=--help ||
    die "the Java example was not compiled; without a network configure a proxy or a mirror in ~/.m2/settings.xml"
  if [ ! "$EXAMPLES_PYTHON/ready" -nt examples/python/requirements.txt ]; then
    step examples-python "installing the packages of the Python example" python_environment ||
      die "the packages of the Python example were not installed"
  fi
  cargo_step examples-rust "building the Rust example" build --release --example otp || die "the Rust example was not built"
}

# Deleted first, since one of another Python version does not work.
python_environment() {
  rm -rf "$EXAMPLES_PYTHON"
  python3 -m venv "$EXAMPLES_PYTHON" &&
    "$EXAMPLES_PYTHON/bin/pip" install -r examples/python/requirements.txt &&
    touch "$EXAMPLES_PYTHON/ready"
}
