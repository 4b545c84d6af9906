#!/usr/bin/env bash
# Installs KEDA in the cluster that KUBECONFIG names, built from its Go module, for clusters that reach no registry (elsewhere use KEDA's own
# chart). Needs Go, buildah or docker, kubectl, and E2E_LOAD_IMAGE as for "npm run e2e". The first time takes some ten minutes on two cores.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here/version")
image=docker.io/library/keda:$version
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

module=$(go mod download -json "github.com/kedacore/keda/v2@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cp -r "$module" "$folder/keda"
chmod -R u+w "$folder/keda"
mkdir "$folder/image"
(
  cd "$folder/keda"
  export CGO_ENABLED=0
  go build -trimpath -o "$folder/image/keda" ./cmd/operator
  go build -trimpath -o "$folder/image/keda-adapter" ./cmd/adapter
  go build -trimpath -o "$folder/image/keda-admission-webhooks" ./cmd/webhooks
)
if command -v buildah >/dev/null; then builder='buildah build --isolation chroot'; else builder='docker build'; fi
$builder -t "$image" -f "$here/Dockerfile" "$folder/image"
[ -z "${E2E_LOAD_IMAGE:-}" ] || sh -c "${E2E_LOAD_IMAGE//\{\}/$image}"

sed "s/VERSION/$version/" "$here/kustomization.yaml" >"$folder/kustomization.yaml"
kubectl kustomize "$folder" | kubectl apply --server-side -f -
kubectl -n keda wait deployment --all --for=condition=Available --timeout=300s
