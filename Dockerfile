# syntax=docker/dockerfile:1
# Images of the services. One target per service: tokenizer, scorer, sampler, optimizer, autoscaler; `alphapo` (the default) is all of them and the
# command line, and what the Helm chart runs; `scorer-cuda` computes on NVIDIA GPUs. They share their layers.
#
#   docker build -t alphapo:0.1.0 .
#   docker build -t alphapo-cuda:0.1.0 --target scorer-cuda .
#
# For the same bytes again, pin the bases by digest and give the time: --build-arg NODE_IMAGE=node@sha256:… and
# SOURCE_DATE_EPOCH (BuildKit: --build-arg with rewrite-timestamp=true; buildah: --timestamp). `npm run images` does that.

ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim
# ONNX Runtime's CUDA provider is linked with one major version of CUDA: 12 up to ONNX Runtime 1.26, 13 since. It needs the
# runtime, cuBLAS, cuRAND and cuDNN 9, which the `cudnn-runtime` images have; `scorer-cuda` checks that they fit.
ARG CUDA_IMAGE=docker.io/nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04

# --- what npm reads of the workspaces: dependencies are only installed anew when this changes
FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY package.json package-lock.json ./
COPY libs/ libs/
COPY services/ services/
COPY cli/ cli/
RUN find libs services cli -type f ! -name package.json -delete && find . -type d -empty -delete

# --- dependencies: those of production, without ONNX Runtime's libraries for other platforms
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY --from=manifests /app ./
ENV ONNXRUNTIME_NODE_INSTALL=skip
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --cache /tmp/npm \
    && case "$(uname -m)" in x86_64) keep=x64 ;; aarch64) keep=arm64 ;; esac \
    && cd node_modules/onnxruntime-node/bin/napi-v6 \
    && find . -mindepth 2 -maxdepth 2 ! -path "./linux/$keep" -exec rm -r {} + \
    && rm -rf /tmp/npm /root/.npm

# The same with the CUDA provider: fetched by the package's own script, which npm would pass over without a word (`allowScripts`).
# The script calls it cuda12 whatever CUDA it is linked with. TensorRT is not used.
FROM dependencies AS dependencies-cuda
RUN ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js \
    && rm node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_tensorrt.so

# --- everything, on the processor
FROM ${NODE_IMAGE} AS base
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app ./
COPY libs/ libs/
COPY services/ services/
COPY cli/ cli/
# Compiled sources: pods start in two thirds of the time.
ENV NODE_COMPILE_CACHE=/app/compiled
RUN cli/bin/compile.sh
USER 1000:1000
ENTRYPOINT ["node", "/app/cli/bin/alphapo.js"]

FROM base AS tokenizer
EXPOSE 50051
CMD ["serve", "tokenizer"]

FROM base AS scorer
EXPOSE 50052
CMD ["serve", "scorer"]

FROM base AS sampler
EXPOSE 50055 8000
CMD ["serve", "sampler"]

FROM base AS optimizer
EXPOSE 50053
CMD ["serve", "optimizer"]

FROM base AS autoscaler
EXPOSE 50054
CMD ["serve", "autoscaler"]

# --- a scorer on NVIDIA GPUs: Node.js out of its image onto CUDA's
FROM ${NODE_IMAGE} AS node
FROM ${CUDA_IMAGE} AS scorer-cuda
ENV NODE_ENV=production
WORKDIR /app
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=dependencies-cuda /app ./
COPY libs/ libs/
COPY services/ services/
COPY cli/ cli/
RUN services/scorer/image/check-cuda-libraries.sh node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so
ENV NODE_COMPILE_CACHE=/app/compiled
RUN cli/bin/compile.sh
USER 1000:1000
EXPOSE 50052
ENTRYPOINT ["node", "/app/cli/bin/alphapo.js"]
CMD ["serve", "scorer"]

FROM base AS alphapo
CMD ["--help"]
