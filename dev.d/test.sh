# shellcheck shell=bash
# Runs every test and counts them.

usage_test() {
  cat <<'U'
Examples:
  ./dev test                     everything: what a change must pass
  ./dev test release             C++ tests of the optimised build
  ./dev test asan -R Cursor      C++ tests under AddressSanitizer whose name holds Cursor
  ./dev test tsan                C++ tests under ThreadSanitizer, which are not part of everything
  ./dev test node                scripts, documents' examples, and the page in a real browser
  ./dev test web                 the browser client, @weir/client

Usage: ./dev test [release|asan|tsan|node|web]… [-R REGEX]
Installs and builds what is missing first. The last line on stdout is `N passed, N failed`.
U
}

test_passed=0 test_failed=0 test_skipped=0
test_failures=()  # what failed, as it is said at the end, where no scrolling is needed

# ctest_failures REPORT: each failed test's name and the end of its output, of ctest's JUnit report.
ctest_failures() {
  awk '
    /<testcase / { split($0, part, "\""); name = part[2]; failed = /status="fail"/; count = 0; next }
    /<\/testcase>/ {
      if (failed) {
        print name
        for (i = (count > 40 ? count - 40 : 0); i < count; i++) print "    " line[i]
      }
      failed = 0
      next
    }
    failed { gsub(/<[^>]*>/, ""); if ($0 ~ /[^ \t]/) line[count++] = $0 }
  ' "$1"
}

# count_attribute FILE NAME: of the first JUnit element.
count_attribute() { sed -n "/<testsuite/,/>/ s/.*[[:space:]]\{0,1\}$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -n 1; }

# count_in_all FILE NAME: of the outermost JUnit element.
count_in_all() { sed -n "s/.*<testsuites [^>]*[[:space:]]$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -n 1; }

# test_cpp PRESET [CTEST_ARG…]
test_cpp() {
  local preset=$1 report=$ROOT/build/$1/tests.xml total failed skipped
  shift
  step "C++ tests, build/$preset"
  rm -f "$report"
  ctest --test-dir "$ROOT/build/$preset" --no-tests=error --output-on-failure --parallel "$(nproc)" \
    --output-junit "$report" "$@" >&2 </dev/null || true
  [[ -s $report ]] || die "ctest in build/$preset wrote no report"
  total=$(count_attribute "$report" tests)
  failed=$(count_attribute "$report" failures)
  skipped=$(($(count_attribute "$report" skipped) + $(count_attribute "$report" disabled)))
  test_passed=$((test_passed + total - failed - skipped))
  test_failed=$((test_failed + failed))
  test_skipped=$((test_skipped + skipped))
  ((failed == 0)) || test_failures+=("build/$preset: $(ctest_failures "$report")")
}

# test_node [PATTERN]
test_node() {
  local report=$ROOT/build/node-tests.tap files passed failed skipped
  step "Tests of scripts, documents and the page"
  npm_ci "$ROOT/clients/web"
  npm_ci "$ROOT/clients/protoc-gen-weir"
  build_page
  build_python
  mapfile -t files < <(own_files 'tests/*.test.mjs' 'clients/*.test.mjs')
  # curl and grpcio would ask a proxy for what the tests start on this machine.
  (cd "$ROOT" && PATH=$ROOT/build/release/bin:$PATH no_proxy=${no_proxy:+$no_proxy,}127.0.0.1,localhost node --test --test-concurrency=1 \
    --test-reporter=spec --test-reporter-destination=stderr --test-reporter=tap --test-reporter-destination="$report" \
    ${1:+--test-name-pattern="$1"} "${files[@]}" </dev/null) || true
  passed=$(sed -n 's/^# pass //p' "$report" | tail -n 1)
  failed=$(sed -n 's/^# fail //p' "$report" | tail -n 1)
  skipped=$(sed -n 's/^# skipped //p' "$report" | tail -n 1)
  [[ -n $passed && -n $failed ]] || die "node --test did not come to its end"
  test_passed=$((test_passed + passed))
  test_failed=$((test_failed + failed))
  test_skipped=$((test_skipped + skipped))
  ((failed == 0)) || test_failures+=("node: $(grep -A 30 '^ *not ok ' "$report" | cut -c 1-300 || true)")
}

# test_web [PATTERN]
test_web() {
  local web=$ROOT/clients/web report=$ROOT/build/web-tests.xml total failed skipped
  step "Tests of the browser client"
  npm_ci "$web"
  rm -f "$report"
  (cd "$web" && node_modules/.bin/tsc --noEmit && node_modules/.bin/vitest run --reporter=default --reporter=junit \
    --outputFile.junit="$report" ${1:+-t "$1"}) >&2 </dev/null || true
  [[ -s $report ]] || die "the browser client's types or tests did not come to their end"
  total=$(count_in_all "$report" tests)
  failed=$(($(count_in_all "$report" failures) + $(count_in_all "$report" errors)))
  skipped=$(sed -n 's/<skipped/&/p' "$report" | grep -c . || true)
  test_passed=$((test_passed + total - failed - skipped))
  test_failed=$((test_failed + failed))
  test_skipped=$((test_skipped + skipped))
  ((failed == 0)) || test_failures+=("web: see $report")
}

cmd_test() {
  local kinds=() pattern=''
  while (($#)); do
    case $1 in
      release | asan | tsan | node | web) kinds+=("$1") ;;
      -R)
        need_value "$1" $#
        pattern=$2
        shift
        ;;
      *) usage_error "test: unknown word '$1'; see ./dev test --help" ;;
    esac
    shift
  done
  ((${#kinds[@]})) || kinds=(release asan node web)
  install_packages build test lint
  install_npm
  install_node
  local kind
  for kind in "${kinds[@]}"; do
    case $kind in
      node) build release "${PROGRAMS[@]}" ;;
      web) ;;
      *) build "$kind" ;;
    esac
  done
  for kind in "${kinds[@]}"; do
    case $kind in
      node) test_node "$pattern" ;;
      web) test_web "$pattern" ;;
      *) test_cpp "$kind" ${pattern:+-R "$pattern"} ;;
    esac
  done
  ((test_failed == 0)) || {
    step "What failed"
    printf '%s\n' "${test_failures[@]}" >&2
  }
  ((test_skipped == 0)) || note "$test_skipped skipped"
  echo "$test_passed passed, $test_failed failed"
  ((test_failed == 0 && test_passed > 0))
}
