# shellcheck shell=bash
# Lays the code out by .clang-format, prettier and black, and writes the generated tables of docs/configuration.md.

usage_fmt() {
  cat <<'U'
Examples:
  ./dev fmt                   all code, and the tables of docs/configuration.md
  ./dev fmt edge/render       the C++ files below a folder

Usage: ./dev fmt [PATH]…
U
}

# own_files PATTERN… [-- PATH…]: what git knows or would add, and that is there; one a line.
own_files() {
  git -C "$ROOT" ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
    [[ -f $ROOT/$file ]] && echo "$file"
  done
}

cmd_fmt() {
  install_packages lint
  local files
  if (($# == 0)); then
    install_npm
    install_node
    node "$ROOT/tests/checks/config_reference.mjs" --write
    npm_ci "$ROOT/clients/web"
    (cd "$ROOT/clients/web" && node_modules/.bin/prettier --log-level warn --write src demo)
    mapfile -t files < <(own_files '*.py')
    (cd "$ROOT" && black --quiet --line-length 120 "${files[@]}")
  fi
  mapfile -t files < <(own_files '*.h' '*.cc')
  if (($#)); then
    local path wanted=()
    for path in "$@"; do
      path=$(realpath --relative-to "$ROOT" -- "$path")
      mapfile -t -O "${#wanted[@]}" wanted < <(printf '%s\n' "${files[@]}" | grep -E "^${path//./\\.}(/|\$)")
    done
    files=("${wanted[@]}")
  fi
  ((${#files[@]})) || die "fmt: no C++ files there"
  (cd "$ROOT" && clang-format -i "${files[@]}")
  note "${#files[@]} files"
}
