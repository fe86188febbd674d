# shellcheck shell=bash
# Checks what can be checked without running Weir. All checks run; each that fails is named at the end.

usage_lint() {
  cat <<'U'
Examples:
  ./dev lint                    every check
  ./dev lint --base v0.1.0      the proto files' compatibility with another commit
  ./dev lint --tidy log         clang-tidy too, for the files below log/ (slow)

Usage: ./dev lint [--base COMMIT] [--tidy [PATH…]]
The proto files are compared with the newest tag; before the first tag with main, and on main with the commit before.
U
}

lint_failed=()

# check NAME COMMAND…
check() {
  local name=$1
  shift
  if "$@" >&2; then note "ok      $name"; else
    note "FAILED  $name"
    lint_failed+=("$name")
  fi
}

lint_layout() {
  local files wrong
  mapfile -t files < <(own_files '*.h' '*.cc')
  wrong=$(cd "$ROOT" && clang-format --dry-run "${files[@]}" 2>&1 | sed -n 's/^\([^:]*\):[0-9:]*: warning: .*/    \1/p' | sort -u)
  [[ -n $wrong ]] || return 0
  printf 'Laid out otherwise:\n%s\n' "$wrong"
  return 1
}

lint_python() {
  local files
  mapfile -t files < <(own_files '*.py')
  (cd "$ROOT" && black --quiet --line-length 120 --check "${files[@]}" && pyflakes3 "${files[@]}")
}

lint_web_layout() { (cd "$ROOT/clients/web" && node_modules/.bin/prettier --log-level warn --check src demo); }

lint_page_types() {
  make_event_types && (cd "$ROOT/clients/web" && node_modules/.bin/tsc -p demo)
}

lint_scripts() {
  local files
  mapfile -t files < <(own_files dev .ci/run deploy/dev-certificates '*.sh')
  (cd "$ROOT" && shellcheck --external-sources "${files[@]}")
}

lint_locks() {
  ! (cd "$ROOT" && grep -nE '"resolved"|\.tgz' package-lock.json dev.d/node/package-lock.json clients/*/package-lock.json)
}

buf() { (cd "$ROOT" && node_modules/.bin/buf "$@"); }

# proto_base: the commit that the proto files must stay compatible with; empty when there is none.
proto_base() {
  local base head main
  head=$(git -C "$ROOT" rev-parse -q --verify HEAD 2>/dev/null) || return 0
  base=$(git -C "$ROOT" describe --tags --abbrev=0 2>/dev/null) && echo "$base" && return 0
  for main in main origin/main; do
    base=$(git -C "$ROOT" merge-base HEAD "$main" 2>/dev/null) || continue
    [[ $base != "$head" ]] && echo "$base" && return 0
  done
  git -C "$ROOT" rev-parse -q --verify HEAD^ 2>/dev/null || true
}

# lint_compatibility BASE: the proto files against those of a commit, buf's rules and our own.
lint_compatibility() {
  local base=$1 old failed=0
  old=$(mktemp -d)
  git -C "$ROOT" archive "$base" proto | tar -x -C "$old"
  cp "$ROOT/buf.yaml" "$old"
  ln -s "$ROOT/node_modules" "$old/node_modules"
  if (cd "$old" && "$ROOT/node_modules/.bin/buf" build proto -o "$old/old.json") && buf build proto -o "$old/new.json"; then
    buf breaking "$old/new.json" --against "$old/old.json" || failed=1
    node "$ROOT/tests/checks/option_changes.mjs" "$old/old.json" "$old/new.json" || failed=1
  else
    failed=1
  fi
  rm -rf "$old"
  return $failed
}

lint_tidy() {
  local files path
  build release
  mapfile -t files < <(own_files '*.cc')
  if (($#)); then
    local pattern=''
    for path in "$@"; do pattern+="${pattern:+|}$(realpath --relative-to "$ROOT" -- "$path")"; done
    mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -E "^($pattern)(/|\$)")
  fi
  ((${#files[@]})) || die "lint: no C++ files there"
  (cd "$ROOT" && printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p build/release)
}

cmd_lint() {
  local base='' tidy=0
  while (($#)); do
    case $1 in
      --base)
        need_value "$1" $#
        base=$2
        git -C "$ROOT" rev-parse -q --verify "$base^{commit}" >/dev/null || usage_error "lint: '$base' is no commit here"
        shift
        ;;
      --tidy)
        tidy=1
        shift
        break
        ;;
      *) usage_error "lint: unknown word '$1'; see ./dev lint --help" ;;
    esac
    shift
  done
  install_packages build lint
  install_npm
  install_node
  step "Checking"
  check "C++ layout (.clang-format; ./dev fmt repairs it)" lint_layout
  check "scripts (shellcheck)" lint_scripts
  check "Python (black, pyflakes; ./dev fmt lays it out)" lint_python
  check "proto files (buf lint)" buf lint proto
  base=${base:-$(proto_base)}
  if [[ -z $base ]] || ! git -C "$ROOT" cat-file -e "$base:proto" 2>/dev/null; then
    note "skipped proto files' compatibility: there is no earlier commit with proto files to compare with"
  else
    check "proto files' compatibility with $(git -C "$ROOT" describe --tags --always "$base")" lint_compatibility "$base"
  fi
  check "who includes whom (tests/checks/include_table.mjs)" node "$ROOT/tests/checks/include_table.mjs"
  check "comparisons of secrets (tests/checks/constant_time.mjs)" node "$ROOT/tests/checks/constant_time.mjs"
  check "words (tests/checks/words.mjs)" node "$ROOT/tests/checks/words.mjs"
  check "links of the documents (tests/checks/links.mjs)" node "$ROOT/tests/checks/links.mjs"
  check "tests that the documents name (tests/checks/named_tests.mjs)" node "$ROOT/tests/checks/named_tests.mjs"
  check "tables of docs/benchmarks.md (tests/checks/bench_tables.mjs)" node "$ROOT/tests/checks/bench_tables.mjs"
  check "configuration reference (docs/configuration.md)" node "$ROOT/tests/checks/config_reference.mjs"
  npm_ci "$ROOT/clients/web"
  check "layout of the browser client and the demo's page (prettier; ./dev fmt repairs it)" lint_web_layout
  check "types of the demo's page (tsc)" lint_page_types
  check "size of the browser client (clients/web/size.mjs)" node "$ROOT/clients/web/size.mjs"
  check "package of the browser client (publint, attw)" npm --prefix "$ROOT/clients/web" run lint --silent
  check "lock files without addresses" lint_locks
  ((!tidy)) || check "clang-tidy" lint_tidy "$@"
  ((${#lint_failed[@]} == 0)) || die "lint: ${#lint_failed[@]} failed"
  note "all checks passed"
}
