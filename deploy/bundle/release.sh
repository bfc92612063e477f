#!/usr/bin/env bash
# Makes kiosk-VERSION-ARCH.tar in dist/: everything of a release that a device installs without
# internet.
#
#   deploy/bundle/release.sh ARCH      SOURCE=tree and VERSION=1.2.3 bundle another tree or version
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. deploy/bundle/common.sh

readonly ARCH=$1
debian_arch "$ARCH" >/dev/null
readonly MODELS=default

contents() {
  "$BIN/python" -m deploy.bundle.contents "$@"
}

work=$CACHE/release-$$
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tree"

# A copy: a build leaves files in the tree, and may state another version.
copy_tree() {
  local one
  for one in pyproject.toml README.md LICENSE NOTICE kiosk; do
    cp -R "$SOURCE/$one" "$work/tree/"
  done
  find "$work/tree" -name __pycache__ -prune -exec rm -rf {} +
  rm -rf "$work/tree/kiosk/demo/campaign/build" "$work/tree/kiosk/demo/media"
  # The program that installs states the version, too.
  mkdir "$work/tree/deploy"
  cp -R "$SOURCE/deploy/release" "$work/tree/deploy/"
  deploy/web-assets.sh "$BIN/python"
  mkdir -p "$work/tree/kiosk/central/web/static/vendor"
  cp kiosk/central/web/static/vendor/*.js "$work/tree/kiosk/central/web/static/vendor/"
  if [ -n "${VERSION:-}" ]; then contents stamp "$work/tree" "$VERSION"; fi
}

# Wheels are the same for both kinds of machine as long as kiosk has no compiled part.
build_kiosk() {
  SOURCE_DATE_EPOCH=$(newest_change) "$BIN/pip" wheel --quiet --disable-pip-version-check --no-deps \
    --no-build-isolation --no-index --wheel-dir "$1" "$work/tree"
}

# Built models are not in git: a copy of the tree uses the ones here.
models_source() {
  if compgen -G "$SOURCE/models_ir/*/built.json" >/dev/null; then
    echo "$SOURCE/models_ir"
  else
    echo models_ir
  fi
}

# copy GOAL FILE...: those that exist.
copy() {
  local goal=$1 one
  shift
  for one in "$@"; do
    if [ -e "$one" ]; then
      mkdir -p "$goal"
      cp -R "$one" "$goal/"
    fi
  done
}

copy_deploy() {
  local from=$SOURCE/deploy to=$1
  copy "$to/lib/systemd/system" "$from"/systemd/*.{service,path,target,timer,socket,slice}
  copy "$to/lib/sysusers.d" "$from"/sysusers.d/*.conf
  copy "$to/lib/tmpfiles.d" "$from"/tmpfiles.d/*.conf
  copy "$to/lib/udev/rules.d" "$from"/udev/*.rules
  # Examples: what is one machine's own goes to /etc by hand or by Ansible.
  copy "$to/share/systemd" "$from"/systemd/*.d
  copy "$to/share" "$from"/{profiles,mosquitto,prometheus,grafana,chromium,schemas} "$BUNDLE/campaign"
  copy "$to/share" "$SOURCE"/{config.yaml,LICENSE,NOTICE}
}

copy_tree
version=$(contents version "$work/tree")
name=kiosk-$version-$ARCH
release=$work/$name
epoch=$(newest_change)

wheelhouse=$("$BUNDLE/wheels.sh" "$ARCH")
mkdir -p "$release/wheels" "$DIST"
cp --link "$wheelhouse"/*.whl "$release/wheels/"
build_kiosk "$release/wheels"
contents requirements "$SOURCE/requirements/device.txt" "$release/wheels" \
  >"$release/requirements-device.txt"
if [ "$ARCH" = x86_64 ]; then
  contents requirements "$SOURCE/requirements/central.txt" "$release/wheels" \
    >"$release/requirements-central.txt"
fi
contents models "$(models_source)" "$MODELS" "$release/models_ir"
contents manifest "$version" "$ARCH" "$MODELS" "$epoch" >"$release/manifest.json"
copy_deploy "$release"
"$work/tree/deploy/release/zipapp.sh" "$release/kiosk-release"
"$DEPLOY_BIN/python" "$BUNDLE/sbom.py" release "$release" --web-assets deploy/web-assets.txt \
  --epoch "$epoch" --output "$release/sbom.cdx.json"
seal "$release"
pack "$release" "$DIST/$name.tar"
echo "$DIST/$name.tar"
