# shellcheck shell=bash
# `./dev mutants`: plants one bug after the other in the pure rooms (cargo-mutants), and lists those that no test notices.
#
#   first pass   each mutant against the tests of its rooms: unit tests and rows of contracts for otp, contract and wire,
#                stories for task and thread
#   second pass  what the first one missed, against every test of the pure package and some seeds of the simulation
#
# Dependencies are those of `./dev test`; what is mutated is compiled without optimisation. So a mutant takes seconds.
# State lies in target/mutants. A run that was stopped goes on where it stood; a mutant that was caught is not tried again.
# .cargo/mutants.toml says what is examined, and which mutants change nothing.

# What is compiled again for each mutant.
MUTANTS_PROFILE=(
  --profile release
  --cargo-arg='--config=profile.release.package.otp-topology.opt-level=0'
  --cargo-arg='--config=profile.release.package.otp-topology.debug=false'
  --cargo-arg='--config=profile.release.package.otp-topology.debug-assertions=true'
  --cargo-arg='--config=profile.release.package.otp-model.opt-level=1'
  --cargo-arg='--config=profile.release.package.otp-simulation.opt-level=1'
)

MUTANTS_USAGE="usage: ./dev mutants [--sample N] [--seed S] [--shard K/N], with K from 0 to N - 1"

# mutants [--sample N] [--seed S] [--shard K/N]: exit 1 if a mutant was missed.
mutants() {
  local sample=0 seed=1 shard=0/1
  while [ "$#" -gt 0 ]; do
    [ "$#" -gt 1 ] || die "$1 needs a value; $MUTANTS_USAGE" 2
    case "$1" in
      --sample) sample="$2" ;;
      --seed) seed="$2" ;;
      --shard) shard="$2" ;;
      *) die "unknown option $1; $MUTANTS_USAGE" 2 ;;
    esac
    shift 2
  done
  [[ "$sample" =~ ^[0-9]+$ && "$seed" =~ ^[0-9]+$ && "$shard" =~ ^[0-9]+/[1-9][0-9]*$ ]] || die "$MUTANTS_USAGE" 2
  need_packages build
  cargo mutants --version >/dev/null 2>&1 || die "cargo-mutants is missing: cargo install cargo-mutants --locked"
  local state="$TARGET/mutants"
  mkdir -p "$state"
  cargo mutants --package otp-topology --list --line-col=true >"$state/all"
  drawn_mutants "$sample" "$seed" "$shard" <"$state/all" >"$state/drawn"
  note "$(wc -l <"$state/drawn") of $(wc -l <"$state/all") mutants"
  try_mutants unit otp-topology --lib --test=contracts < <(grep -E '/src/(otp|contract|wire)/' "$state/drawn")
  try_mutants story otp-topology --test=story < <(grep -E '/src/(task|thread)/' "$state/drawn")
  try_mutants all otp-topology,otp-simulation --lib --test=story --test=contracts --test=new_contract --test=simulation \
    < <(cat "$state"/{unit,story}/mutants.out/{missed,timeout}.txt 2>/dev/null | grep -xFf "$state/drawn")
  mutants_found "$state"
}

# drawn_mutants N SEED K/N: of the names on standard input a sample of N (0: all), and of these one shard.
drawn_mutants() {
  awk -v seed="$2" 'BEGIN { srand(seed) } { printf "%.9f\t%s\n", rand(), $0 }' | sort -n | cut -f 2- |
    awk -v most="$1" -v shard="${3%/*}" -v shards="${3#*/}" '(most == 0 || NR <= most) && (NR - 1) % shards == shard'
}

# try_mutants PASS PACKAGES TARGET…: tries the mutants on standard input that the pass has not caught before.
try_mutants() {
  local pass="$1" package target name packages=() targets=() names=()
  for package in ${2//,/ }; do packages+=(--test-package "$package"); done
  shift 2
  while read -r name; do
    names+=(-F "^$(sed 's/[][\.*^$()+?{}|]/\\&/g' <<<"$name")\$")
  done
  [ "${#names[@]}" -gt 0 ] || return 0
  for target in "$@"; do targets+=(--cargo-arg="$target"); done
  # Half of the cases show a planted bug as well. The bugs that the simulation plants are not searched.
  CARGO_TARGET_DIR="$TARGET" PROPTEST_CASES=128 OTP_SIMULATED_SEEDS=100 \
    cargo mutants --package otp-topology --output "$TARGET/mutants/$pass" --iterate --line-col=true \
    "${MUTANTS_PROFILE[@]}" "${packages[@]}" "${targets[@]}" "${names[@]}" \
    -- -- --skip every_planted_bug --skip a_minimised_plan || true
}

mutants_found() {
  local state="$1" caught unviable missed
  found() { cat "$state"/*/mutants.out/{,previously_}"$1".txt 2>/dev/null | grep -xFf "$state/drawn" | sort -u; }
  caught="$(found caught | wc -l)" unviable="$(found unviable | wc -l)"
  missed="$(grep -vxFf <(found caught; found unviable) "$state/drawn" || true)"
  note "caught: $caught; does not compile: $unviable; missed or not tried: $(grep -c . <<<"$missed" || true)"
  [ -z "$missed" ] || { echo "$missed"; return 1; }
}
