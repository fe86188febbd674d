# shellcheck shell=bash
# Looks for inputs that break a property of tests/fuzz/, with libFuzzer.

usage_fuzz() {
  cat <<'U'
Examples:
  ./dev fuzz                         every target, a minute each
  ./dev fuzz http_head --seconds 600
  ./dev fuzz sse --keep              adds to tests/fuzz/corpus/sse what reaches code that no input there reaches

Usage: ./dev fuzz [TARGET]… [--seconds N] [--keep]
Targets are the files tests/fuzz/TARGET_fuzz.cc. What was learnt is kept in build/fuzz/corpus for the next run. An input
that breaks a property is kept in build/fuzz/finds, and the command that tries it again is printed; when it is mended,
the input belongs in tests/fuzz/corpus/TARGET, which ctest tries in every preset.
U
}

# fuzz_target NAME SECONDS: false when something was found.
fuzz_target() {
  local name=$1 seconds=$2 corpus=$ROOT/build/fuzz/corpus/$1 finds=$ROOT/build/fuzz/finds/$1 options=() file
  local log=$ROOT/build/fuzz/$name.log before after
  mkdir -p "$corpus" "$finds"
  [[ -f $ROOT/tests/fuzz/$name.dict ]] && options+=("-dict=$ROOT/tests/fuzz/$name.dict")
  before=$(find "$finds" -type f | sort)
  step "$name, $seconds s"
  "$ROOT/build/fuzz/bin/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$finds/" "${options[@]}" "$corpus" "$ROOT/tests/fuzz/corpus/$name" >"$log" 2>&1 </dev/null || true
  note "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions, $(find "$corpus" -type f | wc -l) inputs kept"
  after=$(find "$finds" -type f | sort)
  [[ $before == "$after" ]] && grep -q '^stat::number_of_executed_units' "$log" && return 0
  grep -m 1 -E '^broken: |ERROR: |runtime error: ' "$log" >&2 || tail -n 5 "$log" >&2
  while read -r file; do
    note "again: build/fuzz/bin/fuzz_$name ${file#"$ROOT"/}"
  done < <(comm -13 <(echo "$before") <(echo "$after"))
  return 1
}

# fuzz_keep NAME: the smallest of what was learnt that the committed corpus does not cover.
fuzz_keep() {
  local committed=$ROOT/tests/fuzz/corpus/$1
  "$ROOT/build/fuzz/bin/fuzz_$1" -merge=1 -max_len=512 "$committed" "$ROOT/build/fuzz/corpus/$1" >/dev/null 2>&1 </dev/null
  note "tests/fuzz/corpus/$1 has $(find "$committed" -type f | wc -l) inputs"
}

cmd_fuzz() {
  local names=() seconds=60 keep=0 name failed=0
  while (($#)); do
    case $1 in
      --seconds)
        need_value "$1" $#
        [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || usage_error "fuzz: --seconds: '$2' is no number; allowed is 1 to 999999"
        seconds=$2
        shift
        ;;
      --keep) keep=1 ;;
      -*) usage_error "fuzz: unknown option $1; see ./dev fuzz --help" ;;
      *)
        [[ -f $ROOT/tests/fuzz/$1_fuzz.cc ]] ||
          usage_error "fuzz: no target '$1'; allowed are $(cd "$ROOT/tests/fuzz" && echo *_fuzz.cc | sed 's/_fuzz\.cc//g')"
        names+=("$1")
        ;;
    esac
    shift
  done
  install_packages build fuzz
  install_npm
  if ((${#names[@]} == 0)); then
    mapfile -t names < <(cd "$ROOT/tests/fuzz" && printf '%s\n' *_fuzz.cc | sed 's/_fuzz\.cc//')
  fi
  build fuzz "${names[@]/#/fuzz_}"
  for name in "${names[@]}"; do
    fuzz_target "$name" "$seconds" || failed=1
    ((!keep)) || fuzz_keep "$name"
  done
  ((failed == 0)) || die "fuzz: a property is broken"
}
