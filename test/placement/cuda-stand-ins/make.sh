#!/usr/bin/env bash
# Makes stand-ins for the CUDA libraries that ONNX Runtime's CUDA provider is linked with, so that it creates sessions on a
# machine without a GPU: every call answers "success". All are one library, under the names that the provider asks for.
#   test/placement/cuda-stand-ins/make.sh <libonnxruntime_providers_cuda.so> <folder>
# Needs gcc and binutils.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
provider=$(readlink -f "$1")
mkdir -p "$2"
cd "$2"

# Lines "library symbol". Symbols without a version are the driver's; those of cuDNN are looked up by their names at run time.
{
  nm -D --undefined-only "$provider" | awk '{ split($NF, part, "@") } part[2] ~ /^libcu/ { print part[2], part[1] } part[2] == "" && part[1] ~ /^cu/ { print "libcuda.so.1", part[1] }'
  strings -a "$provider" | grep -E '^cudnn[A-Z][A-Za-z0-9_]+$' | sort -u | sed 's/^/libcudnn.so.9 /'
} > symbols.txt
# Weak, so that answers.c says otherwise where success alone is no answer.
awk '{ print "__attribute__((weak)) int " $2 "(void) { return 0; }" }' symbols.txt > successes.c
awk '{ symbols[$1] = symbols[$1] " " $2 ";" } END { for (library in symbols) print library " { global:" symbols[library] " };" }' symbols.txt > versions.map
gcc -shared -fPIC -O1 -w -Wl,--version-script=versions.map -o stand-ins.so successes.c "$here/answers.c"
needed=$(readelf -d "$provider" | sed -n 's/.*(NEEDED).*\[\(libcu[^]]*\)\]/\1/p')
for library in $needed libcudnn.so.9; do ln -sf stand-ins.so "$library"; done
