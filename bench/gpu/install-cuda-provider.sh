#!/usr/bin/env bash
# Puts ONNX Runtime's CUDA provider beside its Node.js binding, out of the PyPI package onnxruntime-gpu of the same version.
# It needs CUDA 13 and cuDNN 9: PyPI has them as well (torch brings them), LD_LIBRARY_PATH must name their folders.
#   bench/gpu/install-cuda-provider.sh [python]
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${1:-python3}
target=node_modules/onnxruntime-node/bin/napi-v6/linux/x64
[ -e "$target/libonnxruntime_providers_cuda.so" ] && exit
version=$(node -p 'require("onnxruntime-node/package.json").version')
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
"$python" -m pip download --quiet --no-deps --dest "$temporary" "onnxruntime-gpu==$version"
"$python" - "$temporary" "$target" <<'PYTHON'
import sys, zipfile
from pathlib import Path

source, target = map(Path, sys.argv[1:])
with zipfile.ZipFile(next(source.glob("*.whl"))) as wheel:
    for name in ("libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"):
        (target / name).write_bytes(wheel.read(f"onnxruntime/capi/{name}"))
PYTHON
