# shellcheck shell=bash
# Runs the benchmarks.

usage_bench() {
  cat <<'U'
Examples:
  ./dev bench              the standard set
  ./dev bench browser      the browser client, end to end in Chromium
  ./dev bench --help-all   what weir-bench itself takes

Usage: ./dev bench [WORDS of weir-bench]…
       ./dev bench browser [--write]
Builds what it runs first. With --write the browser's table goes into docs/benchmarks.md, which says what figures mean.
U
}

cmd_bench() {
  install_packages build test
  install_npm
  if [[ ${1:-} == browser ]]; then
    shift
    [[ $# == 0 || $* == --write ]] || usage_error "bench browser: unknown word '$1'; see ./dev bench --help"
    install_node
    npm_ci "$ROOT/clients/web"
    build release "${PROGRAMS[@]}"
    exec node "$ROOT/tests/bench/browser.mjs" "$@"
  fi
  build release
  [[ ${1:-} == --help-all ]] && set -- --help
  exec "$(bin weir-bench)" "$@"
}
