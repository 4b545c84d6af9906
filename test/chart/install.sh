#!/usr/bin/env bash
# Builds Helm, for the tests of the chart, into node_modules/.cache. Nothing is installed into the system. Needs Go; without it the
# tests are skipped, unless a helm is on the PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$PWD/node_modules/.cache/helm
[ -x "$target/helm" ] || command -v helm >/dev/null && exit
command -v go >/dev/null || { echo 'no Go: the tests of the chart are skipped' >&2; exit; }
GOBIN=$target CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' helm.sh/helm/v3/cmd/helm@v3.19.5
