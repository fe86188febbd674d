# shellcheck shell=bash
# Configures and builds one preset of CMakePresets.json.

# What ./dev up runs.
# shellcheck disable=SC2034 # used by the commands
PROGRAMS=(weir-server weir-edge weir weir-demo-feed weir_apps_descriptors)

usage_build() {
  cat <<'U'
Examples:
  ./dev build                       everything, optimised, into build/release
  ./dev build asan                  with AddressSanitizer and UndefinedBehaviorSanitizer, into build/asan
  ./dev build debug weir-edge       one target
  ./dev build page                  the demo's page, into build/page

Usage: ./dev build [PRESET] [TARGET…]
       ./dev build page
Presets: release (default), debug, asan, tsan. Installs what is missing first.
U
}

# build PRESET [TARGET…]
build() {
  local preset=$1 dir=$ROOT/build/$1
  shift
  if [[ ! -f $dir/build.ninja ]]; then
    step "Configuring build/$preset"
    (cd "$ROOT" && cmake --preset "$preset" >&2) || die "cmake could not configure build/$preset"
  fi
  step "Building build/$preset${*:+: $*}"
  NINJA_STATUS='[%f/%t %es] ' cmake --build "$dir" --target "${@:-all}" >&2 || die "the build in build/$preset failed"
}

cmd_build() {
  local preset=release
  if [[ ${1:-} == page && $# == 1 ]]; then
    install_packages build
    build_page
    return
  fi
  case ${1:-} in
    release | debug | asan | tsan)
      preset=$1
      shift
      ;;
  esac
  [[ ${1:-} != -* ]] || usage_error "build: unknown option $1; see ./dev build --help"
  install_packages build
  install_npm
  build "$preset" "$@"
}
