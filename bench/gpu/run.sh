#!/usr/bin/env bash
# Parity and speed on an NVIDIA GPU against PyTorch and TRL with Liger, in one command: bench/gpu/run.sh --help.
# ALPHAPO_PYTHON: a Python that has what requirements.txt lists, instead of a virtual environment made on first use.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -d node_modules ] || npm ci
case " $* " in *" --help "*) python= ;; *) python=${ALPHAPO_PYTHON:-$(bench/gpu/setup.sh)} ;; esac
ALPHAPO_PYTHON=$python exec node_modules/.bin/node24 bench/gpu/run.ts "$@"
