#!/usr/bin/env bash
# Fetches Prometheus and promtool, for the tests of alerts and dashboard: out of Debian's package prometheus, into
# node_modules/.cache. Nothing is installed into the system. Needs apt (Debian, Ubuntu); without it the tests are skipped, unless both
# programs are on the PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$PWD/node_modules/.cache/prometheus
[ -x "$target/promtool" ] && exit
if command -v prometheus && command -v promtool; then exit; fi >/dev/null
command -v apt-get >/dev/null || { echo 'no apt: the tests of alerts and dashboard are skipped' >&2; exit; }
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
apt-get download --quiet prometheus || { apt-get update --quiet && apt-get download --quiet prometheus; }
dpkg-deb --extract prometheus_*.deb package
mkdir -p "$target"
mv package/usr/bin/{prometheus,promtool} "$target"
