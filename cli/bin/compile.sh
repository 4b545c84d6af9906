#!/bin/sh
# Fills NODE_COMPILE_CACHE of an image: with the sources of all commands, and of the threads and processes that they start.
set -eu
cd "$(dirname "$0")/../.."
folder="$(mktemp -d)"
node cli/bin/alphapo.js init-model "$folder/model"
node cli/bin/alphapo.js generate --model "$folder/model" --prompt hello --max-tokens 1 > /dev/null
rm -r "$folder"
