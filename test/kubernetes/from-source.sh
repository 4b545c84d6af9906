# What the scripts beside and below share that take programs and files from Go modules. Sourced by bash with `set -euo pipefail`.

# module MODULE@VERSION: the folder of its source, which Go fetches and checks against its checksum database.
module() {
  go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'
}

# copy MODULE@VERSION FOLDER: a copy of its source that can be written to.
copy() {
  cp -r "$(module "$1")" "$2"
  chmod -R u+w "$2"
}

# image NAME DOCKERFILE CONTEXT: builds an image, and brings it to the cluster by E2E_LOAD_IMAGE as for "npm run e2e".
image() {
  if command -v buildah >/dev/null; then buildah build --isolation chroot -t "$1" -f "$2" "$3"; else docker build -t "$1" -f "$2" "$3"; fi
  [ -z "${E2E_LOAD_IMAGE:-}" ] || sh -c "${E2E_LOAD_IMAGE//\{\}/$1}"
}
