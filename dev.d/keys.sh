# shellcheck shell=bash
# The demo's keys and its services' tokens: readable by their owner alone, kept with the demo's data.

# make_keys DATA_DIR: what is not there yet. Of tokens of browsers hs256 and es256, of those of services `services`.
make_keys() {
  local keys=$1/keys name
  [[ -s $keys/hs256.key && -s $keys/tickets.key && -s $keys/es256.pub.pem && -s $keys/services.pub.pem ]] && return 0
  note "making keys in $keys"
  (
    umask 077
    mkdir -p "$keys"
    for name in hs256 tickets; do
      [[ -s $keys/$name.key ]] || openssl rand -base64 48 >"$keys/$name.key"
    done
    for name in es256 services; do
      [[ -s $keys/$name.pem ]] ||
        openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$keys/$name.pem"
      openssl pkey -in "$keys/$name.pem" -pubout -out "$keys/$name.pub.pem"
    done
  ) || die "cannot make keys in $keys"
}

# make_tokens DATA_DIR: by which the server knows who calls, for 30 days. demo/server.yaml says what each may do.
make_tokens() {
  local tokens=$1/tokens name
  (
    umask 077
    mkdir -p "$tokens"
    for name in edge feed backend developer operator; do
      "$(bin weir)" token --key "$1/keys/services.pem" --sub "$name" --claim iss=weir-demo --claim aud=weir-server \
        --ttl 720h >"$tokens/$name.new" || exit 1
      mv "$tokens/$name.new" "$tokens/$name.jwt"
    done
  ) || die "cannot make tokens in $tokens"
}
