#!/usr/bin/env bash
# Collects the wheels that the locks name, for one kind of machine, and prints their folder. Nothing
# is compiled: what is published as source only is taken from Debian's own package.
#
#   deploy/bundle/wheels.sh ARCH
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. deploy/bundle/common.sh
. deploy/bundle/apt.sh

readonly ARCH=$1
# Debian 12 has glibc 2.36; a wheel says the oldest that it runs on.
readonly NEWEST_GLIBC=36
readonly OLDEST_GLIBC=17

locks=("$SOURCE/requirements/device.txt")
# Head office is no small box.
if [ "$ARCH" = x86_64 ]; then locks+=("$SOURCE/requirements/central.txt"); fi
key=$(key_of "${locks[@]}" "$BUNDLE"/{wheels.sh,apt.sh,systemd_wheel.py})
goal=$CACHE/wheels/$ARCH-$key
if [ -d "$goal" ]; then
  echo "$goal"
  exit
fi

partial=$goal.partial
rm -rf "$partial"
mkdir -p "$partial"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

platforms=(--platform any --platform "manylinux2014_$ARCH")
for minor in $(seq "$NEWEST_GLIBC" -1 "$OLDEST_GLIBC"); do
  platforms+=(--platform "manylinux_2_${minor}_$ARCH")
done
for lock in "${locks[@]}"; do
  awk '/^[^ #]/ { skip = /^systemd-python==/ } !skip' "$lock" >"$work/lock.txt"
  # --no-deps keeps out what the lock leaves out.
  "$BIN/pip" download --quiet --disable-pip-version-check --only-binary=:all: --no-deps \
    --require-hashes --python-version 311 --implementation cp "${platforms[@]}" \
    --dest "$partial" -r "$work/lock.txt" >&2
done

open_apt "$ARCH" >&2
(cd "$work" && in_apt apt-get download python3-systemd) >&2
dpkg-deb --extract "$work"/python3-systemd_*.deb "$work/deb"
"$BIN/python" "$BUNDLE/systemd_wheel.py" "$work/deb" "$work/wheel" "$ARCH" >&2
"$BIN/python" -m wheel pack --dest-dir "$partial" "$work"/wheel/* >&2

mv "$partial" "$goal"
echo "$goal"
