# shellcheck shell=bash
# `./dev test` and `./dev check`: runs suites and counts their tests. A suite that runs no test, or ignores one, fails.

# What each suite checks, in the order in which `./dev test` runs them. `.ci/run` lists them too.
#
#   format      rustfmt
#   lints       clippy on every package, with warnings as errors; `cargo deny check` where cargo-deny is installed
#   scripts     bash syntax of every script; shellcheck where it is installed
#   docs        `cargo doc` with warnings as errors, and the examples in doc comments
#   topology    the pure package: rules, contracts, stored bytes, commit protocol
#   tidy        who may name whom, sizes and names, licences of dependencies
#   simulation  2,000 seeds of simulated faults, and planted bugs that must be found
#   schemas     Avro, JSON Schema and the AsyncAPI document, held against recorded lines
#   asyncapi    schemas/asyncapi.yaml is valid by AsyncAPI's own parser
#   edges       unit tests of the program and of otp-bench, recorded lines, documents, dashboards
#   broker      the program on a real Kafka, with a real schema registry
#   examples    the example programs in Java, Python and Rust against the program on a real Kafka: callers and readers in
#               JSON and in Avro, and the analysts' database
SUITES=(format lints scripts docs topology tidy simulation schemas asyncapi edges broker examples)

# The suites of `./dev check`: no Kafka, and under a minute once everything is built.
QUICK_SUITES=(format lints topology tidy)

SUITE_ROWS=()
# What a suite could not check; printed in its row.
SUITE_NOTE=""
PASSED_ALL=0
FAILED_ALL=0

# run_suites [SUITE…]: all of them, or the named ones.
run_suites() {
  local chosen=("$@") suite begun=$SECONDS
  [ "${#chosen[@]}" -gt 0 ] || chosen=("${SUITES[@]}")
  for suite in "${chosen[@]}"; do
    [ "$(type -t "suite_$suite")" = function ] || die "no suite $suite; there are: ${SUITES[*]}" 2
  done
  need_packages build
  need_cargo_tools
  case " ${chosen[*]} " in
    *" broker "* | *" examples "*)
      need_packages kafka
      kafka_jars
      registry_program
      build_program
      ;;
  esac
  case " ${chosen[*]} " in
    *" examples "*)
      need_packages examples
      example_programs
      ;;
  esac
  case " ${chosen[*]} " in
    *" asyncapi "*)
      need_packages asyncapi
      asyncapi_parser
      ;;
  esac
  for suite in "${chosen[@]}"; do "suite_$suite"; done
  summary $((SECONDS - begun))
}

suite_format() { whole_suite format step format "format" cargo fmt --all --check; }

suite_lints() { whole_suite lints check_lints; }

check_lints() {
  cargo_step lints "lints" clippy --release --workspace --all-targets -- -D warnings && check_advisories
}

# The tidy suite checks licences, sources and bans. Security advisories need cargo-deny and a network.
check_advisories() {
  if ! cargo deny --version >/dev/null 2>&1; then
    SUITE_NOTE="no advisories checked: cargo-deny is not installed"
  elif ! timeout 5 bash -c 'exec 3<>/dev/tcp/github.com/443' 2>/dev/null; then
    SUITE_NOTE="no advisories checked: github.com is not reachable"
    step cargo-deny "cargo deny" cargo deny --offline check bans licenses sources
  else
    step cargo-deny "cargo deny" cargo deny check
  fi
}

suite_scripts() { whole_suite scripts step scripts "scripts" check_scripts; }

check_scripts() {
  local file
  for file in dev .ci/run scripts/*.sh; do
    bash -n "$file" || return 1
  done
  if command -v shellcheck >/dev/null; then
    shellcheck -x dev .ci/run
  else
    echo "shellcheck is not installed: only the syntax was checked"
  fi
}

suite_docs() { whole_suite docs check_docs; }

# With private items: the readers of this documentation work on the code. So links to private items are allowed.
check_docs() {
  RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo_step docs "documentation" doc --release --workspace --no-deps --document-private-items &&
    cargo_step docs-examples "examples in the documentation" test --release --workspace --doc
}

# Every test of the pure package except its tidy test.
suite_topology() {
  local targets=() test
  for test in crates/topology/tests/*/main.rs; do
    test="$(basename "$(dirname "$test")")"
    [ "$test" = tidy ] || targets+=(--test "$test")
  done
  cargo_suite topology "rules, contracts, commit protocol (pure package)" -p otp-topology --lib "${targets[@]}"
}

suite_tidy() { cargo_suite tidy "tidy (who may name whom, licences)" -p otp-topology --test tidy; }

suite_simulation() { cargo_suite simulation "simulation (2,000 seeds, planted bugs)" -p otp-simulation; }

suite_schemas() { cargo_suite schemas "schemas (Avro, JSON Schema, AsyncAPI)" -p otp-codec -p otp-asyncapi --lib --tests; }

suite_asyncapi() { whole_suite asyncapi step asyncapi "AsyncAPI's own parser" check_asyncapi; }

suite_edges() { cargo_suite edges "edges (unit tests, corpus, documents, dashboards)" -p otp-stream -p otp-bench --lib --bins --test corpus --test documents --test interface --test dashboards; }

suite_broker() { cargo_suite broker "broker (the program on a real Kafka)" --test broker -- --skip examples::; }

suite_examples() { cargo_suite examples "examples (callers, readers and analysts)" --test broker -- examples::; }

# whole_suite SUITE COMMAND…: a suite that counts as one test, which passes or fails.
whole_suite() {
  local suite="$1" status=0
  shift
  "$@" || status=$?
  if [ "$status" -eq 0 ]; then count "$suite" 1 0 0; else count "$suite" 0 1 0; fi
}

# cargo_suite SUITE TITLE ARGUMENTS…: a suite of `cargo test`. Counts what its output reports.
cargo_suite() {
  local suite="$1" status=0 passed failed ignored
  cargo_step "$suite" "$2" test --release "${@:3}" || status=$?
  read -r passed failed ignored < <(
    awk '/^test result: / { for (i = 2; i <= NF; i++) {
           if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^failed/) f += $(i - 1); if ($i ~ /^ignored/) g += $(i - 1) } }
         END { print p + 0, f + 0, g + 0 }' "$LOGS/$suite.log"
  )
  [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
  count "$suite" "$passed" "$failed" "$ignored"
}

count() {
  local suite="$1" passed="$2" failed="$3" ignored="$4" why="$SUITE_NOTE"
  SUITE_NOTE=""
  if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then why="no test ran" failed=1; fi
  if [ "$ignored" -gt 0 ]; then why="$ignored ignored" failed=$((failed + ignored)); fi
  PASSED_ALL=$((PASSED_ALL + passed))
  FAILED_ALL=$((FAILED_ALL + failed))
  SUITE_ROWS+=("$(printf '%-10s %5d passed %5d failed  %s' "$suite" "$passed" "$failed" "$why")")
}

# The last line holds the totals and nothing else: `.ci/run` reads it.
summary() {
  echo
  printf '%s\n' "${SUITE_ROWS[@]}"
  echo "in $(minutes "$1"); logs in ${LOGS#"$ROOT"/}"
  echo "$PASSED_ALL passed, $FAILED_ALL failed"
  [ "$FAILED_ALL" -eq 0 ]
}

need_cargo_tools() {
  local tool
  for tool in rustfmt clippy; do
    cargo "${tool/rustfmt/fmt}" --version >/dev/null 2>&1 && continue
    command -v rustup >/dev/null || die "cargo ${tool/rustfmt/fmt} is missing: install $tool for this toolchain"
    step "rustup-$tool" "installing $tool" rustup component add "$tool" || die "rustup component add $tool failed"
  done
}
