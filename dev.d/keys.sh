# shellcheck shell=bash
# The demo's keys: made on first use, readable by their owner alone, kept with the demo's data.

# make_keys DATA_DIR
make_keys() {
  local keys=$1/keys
  [[ -s $keys/hs256.key && -s $keys/es256.pem && -s $keys/es256.pub.pem ]] && return 0
  note "making keys in $keys"
  (
    umask 077
    mkdir -p "$keys"
    [[ -s $keys/hs256.key ]] || openssl rand -base64 48 >"$keys/hs256.key"
    [[ -s $keys/es256.pem ]] ||
      openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$keys/es256.pem"
    openssl pkey -in "$keys/es256.pem" -pubout -out "$keys/es256.pub.pem"
  ) || die "cannot make keys in $keys"
}
