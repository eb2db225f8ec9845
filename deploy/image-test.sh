#!/usr/bin/env bash
# Builds the image without a registry and without a daemon, runs it as it is meant to run, and says what it saw.
#
#   deploy/image-test.sh                 # on Debian, as root: apt-get install buildah podman runc busybox-static
#
# The two base images are made here, from scratch: Go and a shell to build with, and what distroless has to run in. So it
# shows that the Dockerfile builds, that its build arguments work and that the image runs the demo; not that the published
# base images are as they say. To build on others: BUILD_IMAGE=… RUN_IMAGE=… . To try an image that is built: IMAGE=… VERSION=… .
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
made=()
cleanup() {
  podman rm -f --time 1 devicebridge-test >/dev/null 2>&1 || true
  podman volume rm devicebridge-test >/dev/null 2>&1 || true
  for image in "${made[@]}"; do buildah rmi -f "$image" >/dev/null 2>&1 || true; done
  rm -rf "$work"
}
trap cleanup EXIT
say() { printf '\n== %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# base NAME FOLDER CONFIG… makes an image of a folder.
base() {
  local name=$1 folder=$2 container
  shift 2
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$folder" / >/dev/null
  buildah config "$@" "$container"
  buildah commit --quiet --rm "$container" "$name" >/dev/null
  made+=("$name")
}

version=${VERSION:-v0.0.0-image-test}
revision=${REVISION:-$(git rev-parse HEAD)}
image=${IMAGE:-localhost/devicebridge-test}

if [ -z "${IMAGE:-}" ] && [ -z "${BUILD_IMAGE:-}" ]; then
  say "a base image to build in: Go of this machine, and busybox"
  mkdir -p "$work"/build/{bin,tmp,root,usr/local,etc}
  chmod 1777 "$work/build/tmp"
  cp "$(command -v busybox)" "$work/build/bin/busybox"
  for tool in sh mkdir rm cp cat; do ln -s busybox "$work/build/bin/$tool"; done
  cp -rL "$(go env GOROOT)" "$work/build/usr/local/go"
  BUILD_IMAGE=localhost/devicebridge-test-go
  base "$BUILD_IMAGE" "$work/build" --env PATH=/usr/local/go/bin:/bin --env HOME=/root --env GOTOOLCHAIN=local
fi
if [ -z "${IMAGE:-}" ] && [ -z "${RUN_IMAGE:-}" ]; then
  say "a base image to run in: CA certificates and a user, nothing else"
  mkdir -p "$work"/run/{etc/ssl/certs,tmp,home/nonroot}
  chmod 1777 "$work/run/tmp"
  cp -L /etc/ssl/certs/ca-certificates.crt "$work/run/etc/ssl/certs/"
  echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' > "$work/run/etc/passwd"
  echo 'nonroot:x:65532:' > "$work/run/etc/group"
  RUN_IMAGE=localhost/devicebridge-test-static
  base "$RUN_IMAGE" "$work/run" --user 65532:65532
fi

if [ -z "${IMAGE:-}" ]; then
  say "build"
  go mod download
  modules=$(go env GOMODCACHE)/cache/download
  time buildah bud --quiet --isolation chroot --volume "$modules:/modules:ro" \
    --build-arg BUILD_IMAGE="$BUILD_IMAGE" --build-arg RUN_IMAGE="$RUN_IMAGE" \
    --build-arg GOPROXY=file:///modules --build-arg GOFLAGS=-modcacherw \
    --build-arg VERSION="$version" --build-arg REVISION="$revision" \
    --format docker --tag "$image" .
  made+=("$image")
fi
buildah images --filter "reference=$image" --format '{{.Name}} {{.Size}}'

say "what the image says of itself"
inspect() { buildah inspect --type image --format "$1" "$image"; }
config=$(inspect '{{.Docker.Config.User}} {{.Docker.Config.Entrypoint}} {{.Docker.Config.Volumes}} {{index .Docker.Config.Labels "org.opencontainers.image.version"}}')
echo "$config"
[[ $config == "65532:65532 [/usr/local/bin/devicebridge] map[/var/lib/devicebridge:{}] $version" ]] || fail "that is not what the Dockerfile says"

# As production runs it: nothing but the volume can be written, no capability, no way to any, no network but its own.
# The health check is asked by hand below: podman's timer for it needs systemd. runc, where it is installed: crun asks for a
# machine with one kind of cgroups.
podman() { command podman ${runtime:+--runtime "$runtime"} "$@"; }
runtime=$(command -v runc || true)
run() {
  podman run --read-only --read-only-tmpfs=false --cap-drop ALL --security-opt no-new-privileges --network none \
    --ulimit nofile=4096:4096 --ulimit nproc=1024:1024 --no-healthcheck "$@"
}

say "version, and that it is static"
out=$(run --rm "$image" version)
echo "$out"
[[ $out == *"$version"*"$revision"* ]] || fail "the version was not stamped"

say "demo"
# The demo keeps its store in TMPDIR, and only the volume can be written.
run --rm --env TMPDIR=/var/lib/devicebridge "$image" demo | tee "$work/demo"
[[ $(grep -c ' completed ' "$work/demo") -eq 2 ]] || fail "the two commands of the demo did not complete"

say "serve: the volume keeps the store"
run -d --name devicebridge-test -v devicebridge-test:/var/lib/devicebridge --env BRIDGE_PUBLIC_URL=http://127.0.0.1:8080 \
  --env BRIDGE_GRAPH_AUTH=static --env BRIDGE_GRAPH_TOKEN=x --env BRIDGE_GRAPH_URL=http://127.0.0.1:8089/beta "$image" >/dev/null
for _ in $(seq 60); do
  podman logs devicebridge-test 2>&1 | grep -q '"msg":"ready"' && break
  sleep 0.5
done
podman logs devicebridge-test 2>&1 | grep '"msg":"ready"' || { podman logs devicebridge-test; fail "serve does not get ready"; }
podman exec devicebridge-test /usr/local/bin/devicebridge send --device id:d1 --uri https://example.com/ --request-id kept

say "health check"
if podman exec devicebridge-test /usr/local/bin/devicebridge healthcheck --help >/dev/null 2>&1; then
  podman exec devicebridge-test /usr/local/bin/devicebridge healthcheck && echo "healthy"
else
  echo "NOT RUN: this binary has no healthcheck"
fi

say "a stop, and a start on the same volume"
podman stop --time 60 devicebridge-test >/dev/null
echo "exit code $(podman inspect --format '{{.State.ExitCode}}' devicebridge-test)"
[[ $(podman inspect --format '{{.State.ExitCode}}' devicebridge-test) == 0 ]] || fail "it was killed"
podman start devicebridge-test >/dev/null
for _ in $(seq 60); do
  podman exec devicebridge-test /usr/local/bin/devicebridge list > "$work/list" 2>/dev/null && break
  sleep 0.5
done
cat "$work/list"
grep -q d1 "$work/list" || fail "the command is gone"
podman rm -f --time 10 devicebridge-test >/dev/null
podman volume rm devicebridge-test >/dev/null

say "done"
