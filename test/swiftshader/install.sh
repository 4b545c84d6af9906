#!/usr/bin/env bash
# Fetches SwiftShader, a Vulkan device in software, for the tests of WebGPU: out of Debian's package chromium-common, into
# node_modules/.cache. Nothing is installed into the system. Needs apt (Debian; chromium is no package on Ubuntu).
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$PWD/node_modules/.cache/swiftshader
[ -e "$target/vk_swiftshader_icd.json" ] && exit
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary"
apt-get download --quiet chromium-common || { apt-get update --quiet && apt-get download --quiet chromium-common; }
dpkg-deb --extract chromium-common_*.deb package
mkdir -p "$target"
mv package/usr/lib/chromium/{libvk_swiftshader.so,libvulkan.so.1,vk_swiftshader_icd.json} "$target"
