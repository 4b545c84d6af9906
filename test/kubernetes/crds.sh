#!/usr/bin/env bash
# Prints the definitions of the custom resources that the chart can make (KEDA's, cert-manager's, the Prometheus Operator's), as the projects
# publish them in their Go modules, for clusters without these operators:
#
#   test/kubernetes/crds.sh | kubectl apply --server-side -f -
#
# Needs Go, which fetches the modules and checks them against its checksum database.
set -euo pipefail

# print MODULE@VERSION FILE...
print() {
  local folder
  folder=$(go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  for file in "${@:2}"; do
    echo '---'
    cat "$folder/$file"
  done
}

print "github.com/kedacore/keda/v2@$(cat "$(dirname "$0")/keda/version")" \
  config/crd/bases/keda.sh_scaledobjects.yaml
print github.com/cert-manager/cert-manager@v1.21.2 \
  deploy/crds/cert-manager.io_{certificaterequests,certificates,clusterissuers,issuers}.yaml deploy/crds/acme.cert-manager.io_{challenges,orders}.yaml
print "github.com/prometheus-operator/prometheus-operator@$(cat "$(dirname "$0")/prometheus-operator/version")" \
  example/prometheus-operator-crd/monitoring.coreos.com_{prometheusrules,servicemonitors}.yaml
