# shellcheck shell=bash
# What all of ./dev's commands share: messages, paths, and the list of dev.d/packages.

# shellcheck disable=SC2034 # used by the commands
DATA_DEFAULT=$ROOT/build/dev-data

# Everything that is for people goes to stderr: stdout is for what a command makes.
step() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
die() {
  printf './dev: %s\n' "$*" >&2
  exit 1
}
# A wrong command line: exit code 2.
usage_error() {
  printf './dev: %s\n' "$*" >&2
  exit 2
}
if [[ ! -t 2 ]]; then
  step() { printf '==> %s\n' "$*" >&2; }
fi

# need_value OPTION COUNT: an option that wants a value and is the last word.
need_value() { (($2 >= 2)) || usage_error "$1 needs a value"; }

# port_or_die OPTION VALUE
port_or_die() {
  if [[ ! $2 =~ ^[0-9]{1,5}$ ]] || ((10#$2 > 65535)); then
    usage_error "$1: '$2' is not a port; allowed is 0 to 65535"
  fi
}

bin() { printf '%s/build/release/bin/%s' "$ROOT" "$1"; }
