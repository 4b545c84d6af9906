#!/usr/bin/env bash
# Fetches what shows where ONNX Runtime runs each node of a graph on a GPU, on a machine without one, into
# node_modules/.cache: a second copy of onnxruntime-node with the CUDA provider (PyPI, 250 MB), and stand-ins for the CUDA
# libraries. Needs Linux on x64, Python with pip, gcc and binutils.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=node_modules/.cache/cuda-stand-ins/$(node -p 'require("onnxruntime-node/package.json").version')
[ -e "$target/complete" ] && exit
rm -rf "$target"
mkdir -p "$target"
cp -rl node_modules/onnxruntime-node "$target/"
bench/gpu/install-cuda-provider.sh python3 "$target/onnxruntime-node"
provider=$target/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so
test/placement/cuda-stand-ins/make.sh "$provider" "$target/libraries"
touch "$target/complete"
