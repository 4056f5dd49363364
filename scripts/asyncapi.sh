# shellcheck shell=bash
# Fetches AsyncAPI's own parser, and checks schemas/asyncapi.yaml with it.

ASYNCAPI_PARSER="$TARGET/asyncapi-parser"

# The versions are those of tests/asyncapi/package-lock.json. No package runs scripts of its own.
asyncapi_parser() {
  local lock=tests/asyncapi/package-lock.json
  cmp -s "$lock" "$ASYNCAPI_PARSER/ready" && return
  step asyncapi-parser "installing AsyncAPI's parser" install_asyncapi_parser ||
    die "AsyncAPI's parser was not installed; without a network configure a mirror: npm config set registry URL"
}

install_asyncapi_parser() {
  rm -rf "$ASYNCAPI_PARSER"
  mkdir -p "$ASYNCAPI_PARSER" &&
    cp tests/asyncapi/package.json tests/asyncapi/package-lock.json "$ASYNCAPI_PARSER" &&
    npm ci --prefix "$ASYNCAPI_PARSER" --ignore-scripts --no-audit --no-fund &&
    cp tests/asyncapi/package-lock.json "$ASYNCAPI_PARSER/ready"
}

# Node looks for packages beside the script.
check_asyncapi() {
  cp tests/asyncapi/check.js "$ASYNCAPI_PARSER" && node "$ASYNCAPI_PARSER/check.js" schemas/asyncapi.yaml
}
