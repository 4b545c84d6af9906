#!/usr/bin/env bash
# Makes what run.sh needs beside the repository's own packages, and prints the Python to use: a virtual environment (about
# 7 GB, because PyPI's torch brings the CUDA libraries), and ONNX Runtime's CUDA provider out of the PyPI package of the same
# version, which uses those libraries: no CUDA has to be installed on the machine, only the GPU's driver.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${ALPHAPO_BENCH_CACHE:-$HOME/.cache/alphapo-bench}/gpu
python=$folder/venv/bin/python
if [ ! -e "$folder/complete" ]; then
  python3 -m venv "$folder/venv" >&2
  "$python" -m pip install --quiet -r bench/gpu/requirements.txt >&2
  touch "$folder/complete"
fi
bench/gpu/install-cuda-provider.sh "$python" >&2
echo "$python"
