# shellcheck shell=bash
# Runs the benchmarks.

usage_bench() {
  cat <<'U'
Examples:
  ./dev bench              the standard set
  ./dev bench --help-all   what weir-bench itself takes

Usage: ./dev bench [WORDS of weir-bench]…
Builds build/release/bin/weir-bench first. docs/benchmarks.md says what the figures mean.
U
}

cmd_bench() {
  install_packages build test
  install_npm
  build release
  [[ ${1:-} == --help-all ]] && set -- --help
  exec "$(bin weir-bench)" "$@"
}
