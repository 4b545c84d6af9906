#!/usr/bin/env bash
# Installs the Prometheus Operator in the cluster that KUBECONFIG names, and brings a Prometheus there as an image, both built from their Go modules, for
# clusters that reach no registry (Debian's Prometheus cannot look for pods). Needs Go, buildah or docker, kubectl, and E2E_LOAD_IMAGE as for "npm
# run e2e". The first time takes some six minutes on two cores.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../from-source.sh"
version=$(cat "$here/version")
prometheus=v0.314.0 # Prometheus 3.14
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# program NAME PROGRAM: an image with nothing but one program of the folder.
program() {
  printf 'FROM scratch\nCOPY %s /bin/%s\nUSER 65534:65534\nENTRYPOINT ["/bin/%s"]\n' "$2" "$2" "$2" >"$folder/Dockerfile"
  image "$1" "$folder/Dockerfile" "$folder"
}

export CGO_ENABLED=0 GOWORK=off
copy "github.com/prometheus-operator/prometheus-operator@$version" "$folder/operator-source"
(
  cd "$folder/operator-source"
  # The module's own parts are modules of their own, which its source does not hold.
  go mod edit -dropreplace github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring \
    -dropreplace github.com/prometheus-operator/prometheus-operator/pkg/client
  go build -mod=mod -trimpath -o "$folder/prometheus-operator" ./cmd/operator
  go build -mod=mod -trimpath -o "$folder/" ./cmd/prometheus-config-reloader
)
copy "github.com/prometheus/prometheus@$prometheus" "$folder/prometheus-source"
(cd "$folder/prometheus-source" && go build -trimpath -tags remove_all_sd,enable_kubernetes_sd -o "$folder/" ./cmd/prometheus)
# Under the names that the operator's manifests have.
program "quay.io/prometheus-operator/prometheus-operator:$version" prometheus-operator
program "quay.io/prometheus-operator/prometheus-config-reloader:$version" prometheus-config-reloader
program docker.io/library/alphapo-trial-prometheus:e2e prometheus

kubectl apply --server-side --force-conflicts -f "$folder/operator-source/bundle.yaml"
kubectl -n default wait deployment/prometheus-operator --for=condition=Available --timeout=300s
