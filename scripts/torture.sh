# shellcheck shell=bash
# `./dev torture`: repeats the fault loops of the broker tests with other seeds, for a given time.

TORTURE_KINDS="kill backlog storm zombie twins store full machine broker silent offsets recreated partitions hanging refusals replicas"

# torture [--minutes N] [--seed S] [--only KIND]: exit 1 if a test failed.
torture() {
  local minutes=10 seed="$RANDOM" kinds="$TORTURE_KINDS" kind failed=0
  while [ "$#" -gt 0 ]; do
    [ "$#" -gt 1 ] || die "$1 needs a value" 2
    case "$1" in
      --minutes) minutes="$2" ;;
      --seed) seed="$2" ;;
      --only) kinds="$2" ;;
      *) die "unknown option $1; usage: ./dev torture [--minutes N] [--seed S] [--only KIND], KIND one of: $TORTURE_KINDS" 2 ;;
    esac
    shift 2
  done
  [[ "$minutes" =~ ^[0-9]+$ && "$seed" =~ ^[0-9]+$ ]] || die "--minutes and --seed must be whole numbers" 2
  for kind in $kinds; do torture_test "$kind" >/dev/null; done
  need_packages build kafka
  kafka_jars
  build_program
  # shellcheck disable=SC2086
  set -- $kinds
  note "torture: $# kinds, $minutes minutes in total, first seed $seed"
  for kind in "$@"; do
    OTP_TORTURE_SECONDS=$((minutes * 60 / $#)) OTP_TORTURE_SEED="$seed" \
      cargo test --release --test broker -- "torture::$(torture_test "$kind")" --exact --nocapture \
      --test-threads 1 || failed=$((failed + 1))
  done
  if [ "$failed" -gt 0 ]; then
    note "$failed of $# kinds failed; their logs and findings are in ${TARGET#"$ROOT"/}/tmp/torture/"
    note "to repeat one: ./dev torture --seed SEED --only KIND, with the values printed above"
    return 1
  fi
  note "no kind failed"
}

# The name of the test of a kind.
torture_test() {
  case "$1" in
    kill) echo process::killed_at_random_points ;;
    backlog) echo process::stopped_during_a_backlog ;;
    storm) echo process::a_storm_of_rebalances ;;
    zombie) echo process::zombies_that_outlive_their_session_and_their_transaction ;;
    twins) echo process::a_copied_store_directory ;;
    store) echo store::a_store_deleted_or_replaced_by_an_older_copy ;;
    full) echo store::a_full_disk ;;
    machine) echo machine::a_small_machine_under_load ;;
    broker) echo brokers::brokers_killed_and_started_again ;;
    silent) echo brokers::a_broker_that_stands_still ;;
    offsets) echo upstream::offsets_set_back_to_the_beginning ;;
    recreated) echo upstream::a_request_topic_deleted_and_recreated ;;
    partitions) echo partitions::partitions_added_to_a_request_topic ;;
    hanging) echo upstream::upstream_transactions_that_hang ;;
    refusals) echo refusals::refusals_of_the_cluster ;;
    replicas) echo refusals::too_few_replicas ;;
    *) die "unknown kind $1; there are: $TORTURE_KINDS" 2 ;;
  esac
}
