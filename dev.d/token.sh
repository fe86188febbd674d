# shellcheck shell=bash
# Prints a token that the demo's edge accepts.

usage_token() {
  cat <<'U'
Examples:
  ./dev token alice                              a token whose subject is alice, for 12 hours
  ./dev token alice tenant_id=acme --ttl 1h      with a claim, for one hour
  curl -N "http://127.0.0.1:8080/api/vehicles/updates?token=$(./dev token alice)"

Usage: ./dev token NAME [CLAIM=VALUE]… [--ttl TIME] [--data DIR]
The token alone goes to stdout. --data (or WEIR_DEV_DATA): where the demo's keys are; default build/dev-data.
U
}

cmd_token() {
  local data=${WEIR_DEV_DATA:-$DATA_DEFAULT} ttl=12h name='' claims=()
  while (($#)); do
    case $1 in
      --ttl)
        need_value "$1" $#
        ttl=$2
        shift
        ;;
      --data)
        need_value "$1" $#
        data=$2
        shift
        ;;
      -*) usage_error "token: unknown option $1; see ./dev token --help" ;;
      *=*) claims+=(--claim "$1") ;;
      *)
        [[ -z $name ]] || usage_error "token: '$1' is neither an option nor CLAIM=VALUE"
        name=$1
        ;;
    esac
    shift
  done
  [[ -n $name ]] || usage_error "token: whose? ./dev token NAME"
  if [[ ! -x $(bin weir) ]]; then
    install_packages build
    install_npm
    build release weir
  fi
  make_keys "$data" >&2
  exec "$(bin weir)" token --key "$data/keys/hs256.key" --sub "$name" --ttl "$ttl" \
    --claim iss=weir-demo --claim aud=weir-edge "${claims[@]}"
}
