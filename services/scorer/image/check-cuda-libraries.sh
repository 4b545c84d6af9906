#!/bin/sh
# Fails where this image lacks a library that ONNX Runtime's CUDA provider loads, and says which and what to change. Runs while
# the image is built: otherwise a scorer would fail on a GPU node only.
#   check-cuda-libraries.sh <libonnxruntime_providers_cuda.so>
# Asks the loader itself for what `readelf -d` lists as NEEDED. libcuda.so.1 comes with the node's driver.
set -eu
provider=$1
if [ ! -s "$provider" ]; then
  echo "$provider is missing: the image has no CUDA provider." >&2
  exit 1
fi

loader=$(ldd "$provider" 2>&1) || true
linked=$(echo "$loader" | sed -n 's/^[[:space:]]*\([^[:space:]]*\) => not found$/\1/p' | sed '/^libcuda\.so\.1$/d')
too_old=$(echo "$loader" | grep -o "version \`[^']*' not found" | sort -u || true)
# The provider loads cuDNN by this name when it first needs it.
loaded=
if LD_PRELOAD=libcudnn.so.9 ldd /bin/sh 2>&1 | grep -q 'cannot be preloaded'; then loaded=libcudnn.so.9; fi
missing=$(printf '%s\n%s\n' "$linked" "$loaded" | sed '/^$/d' | sort -u)
[ -n "$missing$too_old" ] || exit 0

# Which CUDA runtime is here instead, of whatever version.
found=$(
  {
    for folder in $(echo "${LD_LIBRARY_PATH:-}" | tr ':' ' '); do ls "$folder" 2> /dev/null || true; done
    PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2> /dev/null || true
  } | grep -o 'libcudart\.so\.[0-9]*' | sort -u | paste -s -d ' ' -
)
wanted=$(echo "$missing" | sed -n 's/^lib\(cudart\|cublas\|cublasLt\)\.so\.\([0-9]*\)$/\2/p' | sort -u | head -n 1)
{
  echo "ONNX Runtime's CUDA provider cannot be loaded in this image:"
  for library in $missing; do echo "  $library is missing"; done
  [ -z "$too_old" ] || echo "$too_old" | sed 's/^/  the C library is too old: /'
  [ -z "$wanted" ] || echo "The provider is linked with CUDA $wanted. The image has ${found:-no CUDA runtime}."
  echo "Choose a base image with ${wanted:+CUDA $wanted and }cuDNN 9: docker build --build-arg CUDA_IMAGE=docker.io/nvidia/cuda:${wanted:-VERSION}.…-cudnn-runtime-ubuntu24.04,"
  echo "or npm run images -- --target scorer-cuda --cuda-image IMAGE."
} >&2
exit 1
