#!/usr/bin/env bash
# Prints the definitions of the custom resources that the chart can make (KEDA's, cert-manager's, the Prometheus Operator's), as the projects
# publish them in their Go modules, for clusters without these operators:
#
#   test/kubernetes/crds.sh | kubectl apply --server-side -f -
#
# Needs Go.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/from-source.sh"

# print MODULE@VERSION FILE...
print() {
  local folder
  folder=$(module "$1")
  for file in "${@:2}"; do
    echo '---'
    cat "$folder/$file"
  done
}

print "github.com/kedacore/keda/v2@$(cat "$here/keda/version")" config/crd/bases/keda.sh_scaledobjects.yaml
print github.com/cert-manager/cert-manager@v1.21.2 \
  deploy/crds/cert-manager.io_{certificaterequests,certificates,clusterissuers,issuers}.yaml deploy/crds/acme.cert-manager.io_{challenges,orders}.yaml
print "github.com/prometheus-operator/prometheus-operator@$(cat "$here/prometheus-operator/version")" \
  example/prometheus-operator-crd/monitoring.coreos.com_{prometheusrules,servicemonitors}.yaml
