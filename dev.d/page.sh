# shellcheck shell=bash
# Builds the demo's page (clients/web/demo) into build/page, and what its backend imports into build/python; each only when
# its sources have changed.

# sources_sum PATH…: of all files below them, relative to the root.
sources_sum() {
  (cd "$ROOT" && find "$@" -type f -not -path '*/node_modules/*' -not -path '*/src/gen/*' -print0 | sort -z |
    xargs -0 sha256sum | sha256sum)
}

# make_event_types: the TypeScript types of the applications' events, in clients/web/demo/src/gen.
make_event_types() {
  local gen=$ROOT/clients/web/demo/src/gen
  npm_ci "$ROOT/clients/protoc-gen-weir"
  rm -rf "$gen"
  mkdir -p "$gen"
  (cd "$ROOT" && protoc --plugin=protoc-gen-weir=clients/protoc-gen-weir/protoc-gen-weir.mjs --weir_out="$gen" -Iproto \
    proto/apps/*/v1/*.proto) || die "protoc could not make the types of the page's events"
}

build_page() {
  local stamp=$ROOT/build/page.sum now
  now=$(sources_sum proto/apps proto/weir/v1/options.proto clients/protoc-gen-weir clients/web/src clients/web/demo \
    clients/web/package-lock.json clients/web/tsconfig.json)
  [[ -f $ROOT/build/page/index.html && -f $stamp && $(<"$stamp") == "$now" ]] && return 0
  install_node
  npm_ci "$ROOT/clients/web"
  make_event_types
  step "Building the demo's page"
  (cd "$ROOT/clients/web" && node_modules/.bin/vite build demo --logLevel warn >&2 </dev/null) ||
    die "the demo's page could not be built"
  printf '%s\n' "$now" >"$stamp"
}

build_python() {
  local out=$ROOT/build/python stamp=$ROOT/build/python.sum now protos=(proto/weir/v1 proto/apps/dispatch/v1)
  now=$(sources_sum "${protos[@]}" package-lock.json)
  [[ -f $stamp && -d $out && $(<"$stamp") == "$now" ]] && return 0
  step "Generating Python code"
  mkdir -p "$out"
  (cd "$ROOT" && protoc -Iproto -Inode_modules/google-proto-files --python_out="$out" --grpc_python_out="$out" \
    --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" \
    "${protos[0]}"/*.proto "${protos[1]}"/*.proto node_modules/google-proto-files/google/rpc/status.proto) ||
    die "protoc could not generate Python code"
  printf '%s\n' "$now" >"$stamp"
}
