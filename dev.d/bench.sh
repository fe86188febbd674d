# shellcheck shell=bash
# Runs the benchmarks.

usage_bench() {
  cat <<'U'
Examples:
  ./dev bench                     everything: Weir, the floor, and the others that are installed
  ./dev bench --write             and puts the tables into docs/benchmarks.md
  ./dev bench --quick             the main ratios, in three minutes, against what docs/benchmarks.md records
  ./dev bench --mode fanout       one mode; ./dev bench --help-all lists them
  ./dev bench browser             the browser client, end to end in Chromium

Usage: ./dev bench [--write | --quick] [WORDS of weir-bench]…
       ./dev bench browser [--write]
Builds what it runs first. --quick fails when a ratio is more than 15 % worse than recorded, or not recorded at all.
docs/benchmarks.md says what the figures mean.
U
}

cmd_bench() {
  local document=$ROOT/docs/benchmarks.md word words=() commit
  install_packages build test bench
  install_npm
  if [[ ${1:-} == browser ]]; then
    shift
    [[ $# == 0 || $* == --write ]] || usage_error "bench browser: unknown word '$1'; see ./dev bench --help"
    install_node
    npm_ci "$ROOT/clients/web"
    build release "${PROGRAMS[@]}"
    exec node "$ROOT/tests/bench/browser.mjs" "$@"
  fi
  for word in "$@"; do
    case $word in
      --write) words+=(--write "$document") ;;
      --quick) words+=(--quick --compare "$document") ;;
      --help-all) words+=(--help) ;;
      *) words+=("$word") ;;
    esac
  done
  build release weir-bench
  commit=$(git -C "$ROOT" describe --tags --always --dirty 2>/dev/null) && words+=(--commit "$commit")
  exec "$(bin weir-bench)" "${words[@]}"
}
