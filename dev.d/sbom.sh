# shellcheck shell=bash
# Writes the software bill of materials.

usage_sbom() {
  cat <<'U'
Examples:
  ./dev sbom >weir.cdx.json                                  of build/release, as CycloneDX 1.5
  ./dev sbom | jq -r '.components[] | .name + " " + .version'

Usage: ./dev sbom
Lists what the built programs load and were compiled of, by Debian package and version, and what npm packages the
browser's code imports: read off the programs, not off a list. Builds them first.
U
}

cmd_sbom() {
  (($# == 0)) || usage_error "sbom: unknown word '$1'; see ./dev sbom --help"
  install_packages build
  install_npm
  install_node
  build release weir-server weir-edge weir
  node "$ROOT/dev.d/sbom.mjs" "$ROOT/build/release"
}
