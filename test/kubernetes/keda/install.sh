#!/usr/bin/env bash
# Installs KEDA in the cluster that KUBECONFIG names, built from its Go module, for clusters that reach no registry (elsewhere use KEDA's own
# chart). Needs Go, buildah or docker, kubectl, and E2E_LOAD_IMAGE as for "npm run e2e". The first time takes some ten minutes on two cores.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../from-source.sh"
version=$(cat "$here/version")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

copy "github.com/kedacore/keda/v2@$version" "$folder/keda"
mkdir "$folder/image"
(
  cd "$folder/keda"
  export CGO_ENABLED=0
  go build -trimpath -o "$folder/image/keda" ./cmd/operator
  go build -trimpath -o "$folder/image/keda-adapter" ./cmd/adapter
  go build -trimpath -o "$folder/image/keda-admission-webhooks" ./cmd/webhooks
)
image "docker.io/library/keda:$version" "$here/Dockerfile" "$folder/image"

sed "s/VERSION/$version/" "$here/kustomization.yaml" >"$folder/kustomization.yaml"
kubectl kustomize "$folder" | kubectl apply --server-side -f -
kubectl -n keda wait deployment --all --for=condition=Available --timeout=300s
