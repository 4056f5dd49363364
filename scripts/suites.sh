# shellcheck shell=bash
# `./dev test`: every suite, each counted. A suite that ran nothing, or ignored something, has failed.

SUITES=(format lints scripts topology tidy simulation edges broker)
SUITE_ROWS=()
PASSED_ALL=0
FAILED_ALL=0

# run_suites [SUITE…]: all of them, or the named ones.
run_suites() {
  local chosen=("$@") suite begun=$SECONDS
  [ "${#chosen[@]}" -gt 0 ] || chosen=("${SUITES[@]}")
  for suite in "${chosen[@]}"; do
    [ "$(type -t "suite_$suite")" = function ] || die "no suite $suite; there are: ${SUITES[*]}" 2
  done
  need_packages build kafka
  need_cargo_tools
  kafka_jars
  build_program
  for suite in "${chosen[@]}"; do "suite_$suite"; done
  summary $((SECONDS - begun))
}

suite_format() { whole_suite format "format" cargo fmt --all --check; }

suite_lints() { whole_suite lints "lints" lint_both; }

lint_both() {
  cargo clippy --release --all-targets -- -D warnings &&
    cargo clippy --release -p otp-simulation --all-targets -- -D warnings &&
    cargo clippy --release -p otp-topology --all-targets -- -D warnings
}

suite_scripts() {
  whole_suite scripts "scripts" check_scripts
}

# Syntax always; shellcheck where it is installed.
check_scripts() {
  local file
  for file in dev .ci/run scripts/*.sh; do
    bash -n "$file" || return 1
  done
  ! command -v shellcheck >/dev/null || shellcheck -x dev .ci/run
}

# All of the pure package except its tidy test.
suite_topology() {
  local targets=() test
  for test in crates/topology/tests/*; do
    test="$(basename "$test" .rs)"
    [ "$test" = tidy ] || targets+=(--test "$test")
  done
  cargo_suite topology "rules, contract, engine (pure package)" -p otp-topology --lib "${targets[@]}"
}

suite_tidy() { cargo_suite tidy "tidy (who may name whom)" -p otp-topology --test tidy; }

suite_simulation() { cargo_suite simulation "simulation (2,000 seeds, planted bugs)" -p otp-simulation; }

suite_edges() { cargo_suite edges "edges (unit tests, dashboards)" --lib --bins --test dashboards; }

suite_broker() { cargo_suite broker "broker (the process on a real Kafka)" --test broker; }

# A suite that is one command: one thing that passes or fails.
whole_suite() {
  local suite="$1" status=0
  step "$suite" "$2" "${@:3}" || status=$?
  if [ "$status" -eq 0 ]; then count "$suite" 1 0 0; else count "$suite" 0 1 0; fi
}

# A suite of `cargo test`: what its output counts, not what its status claims.
cargo_suite() {
  local suite="$1" status=0 passed failed ignored
  step "$suite" "$2" cargo test --release "${@:3}" || status=$?
  read -r passed failed ignored < <(
    awk '/^test result: / { for (i = 2; i <= NF; i++) {
           if ($i ~ /^passed/) p += $(i - 1); if ($i ~ /^failed/) f += $(i - 1); if ($i ~ /^ignored/) g += $(i - 1) } }
         END { print p + 0, f + 0, g + 0 }' "$LOGS/$suite.log"
  )
  [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
  count "$suite" "$passed" "$failed" "$ignored"
}

count() {
  local suite="$1" passed="$2" failed="$3" ignored="$4" why=""
  if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then why="nothing ran" failed=1; fi
  if [ "$ignored" -gt 0 ]; then why="$ignored ignored" failed=$((failed + ignored)); fi
  PASSED_ALL=$((PASSED_ALL + passed))
  FAILED_ALL=$((FAILED_ALL + failed))
  SUITE_ROWS+=("$(printf '%-10s %5d passed %5d failed  %s' "$suite" "$passed" "$failed" "$why")")
}

# The last line alone carries the totals.
summary() {
  echo
  printf '%s\n' "${SUITE_ROWS[@]}"
  echo "in $1 s; logs in ${LOGS#"$ROOT"/}"
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
