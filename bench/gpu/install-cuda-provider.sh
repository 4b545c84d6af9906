#!/usr/bin/env bash
# Puts ONNX Runtime's CUDA provider beside its Node.js binding, out of the PyPI package onnxruntime-gpu of the same version.
# It needs CUDA 13 and cuDNN 9: PyPI has them as well (torch brings them), LD_LIBRARY_PATH must name their folders.
#   bench/gpu/install-cuda-provider.sh [python] [folder of the package onnxruntime-node]
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${1:-python3}
package=${2:-node_modules/onnxruntime-node}
target=$package/bin/napi-v6/linux/x64
[ -e "$target/libonnxruntime_providers_cuda.so" ] && exit
version=$(node -p 'require("onnxruntime-node/package.json").version')
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
# The provider is the same in the packages for all versions of Python; the one here may be too old for any.
"$python" -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 \
  --dest "$temporary" "onnxruntime-gpu==$version"
"$python" - "$temporary" "$target" <<'PYTHON'
import sys, zipfile
from pathlib import Path

source, target = map(Path, sys.argv[1:])
with zipfile.ZipFile(next(source.glob("*.whl"))) as wheel:
    for name in ("libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"):
        (target / name).write_bytes(wheel.read(f"onnxruntime/capi/{name}"))
PYTHON
