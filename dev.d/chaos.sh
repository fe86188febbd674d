# shellcheck shell=bash
# Runs the robustness suite at length.

usage_chaos() {
  cat <<'U'
Examples:
  ./dev chaos                              one minute of faults, of seed 1
  ./dev chaos --minutes 3 --seeds 1..10    ten seeds, half an hour in all
  ./dev chaos --seed 7 --only kill-server,power-cut
  ./dev chaos --help-all                   what weir-chaos itself takes

Usage: ./dev chaos [--minutes N] [--seed S | --seeds A..B] [--only FAULT,…] [--keep DIR]
Runs weir-server and two weir-edges under kills, cuts, full disks, power cuts and more at random places of a seed, and
judges by docs/guarantees.md what publishers were told and readers were shown. One line a seed, a table at the end; exit
code 1 when something was violated, and then the histories and logs are kept in DIR. As root it also cuts the power of a
disk of its own and loses packets. Builds build/release/bin/weir-chaos first.
U
}

cmd_chaos() {
  install_packages build test
  install_npm
  build release weir-chaos
  [[ ${1:-} == --help-all ]] && set -- --help
  exec "$(bin weir-chaos)" "$@"
}
