#!/usr/bin/env bash
# Makes kiosk-lts-VERSION-x86_64.tar: a small Debian 11 with Python 3.9 and OpenVINO 2022.3, in which
# `kiosk vision` runs where Intel's stick is. kiosk itself is not in it: a unit binds the release's own
# source in, and runs /opt/kiosk-lts/.venv/bin/python3. As root. Prints the cached file.
#
#   deploy/bundle/lts.sh VERSION
#
# In the tar: root.tar.zst, to be unpacked as it is, beside its checksum and signature.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. deploy/bundle/common.sh
. deploy/bundle/apt.sh

readonly NAME=kiosk-lts-$1-x86_64
readonly RELEASE=bullseye
readonly LIST=$BUNDLE/debian-lts.txt
readonly LOCK=$BUNDLE/lts.txt
readonly HOME_IN_ROOT=opt/kiosk-lts

[ "$(id -u)" -eq 0 ] || fail "a Debian root is made as root only"
command -v debootstrap >/dev/null || fail "debootstrap is missing; install it"

key=$(key_of "$LIST" "$LOCK" "$BUNDLE"/{lts.sh,common.sh,apt.sh})
built=$CACHE/lts/root-$key.tar.zst
work=$CACHE/lts/work
trap 'rm -rf "$work"' EXIT
rm -rf "$work"
mkdir -p "$work/$NAME"

make_root() {
  local root=$1 packages site tag
  packages=$(sed 's/#.*//' "$LIST" | awk 'NF { print $1 }' | paste -sd ,)
  debootstrap --variant=minbase --include="$packages" "$RELEASE" "$root" "$(debian_mirror)"
  # Debian's own modules are seen too: systemd's is one.
  chroot "$root" python3 -m venv --without-pip --system-site-packages "/$HOME_IN_ROOT/.venv"
  site=$(echo "$root/$HOME_IN_ROOT"/.venv/lib/python3*/site-packages)
  local -a platforms=(--platform any)
  # Debian 11 has glibc 2.31.
  for tag in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28 manylinux_2_31; do
    platforms+=(--platform "${tag}_x86_64")
  done
  "$BIN/pip" install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes \
    --only-binary=:all: --python-version 39 --implementation cp "${platforms[@]}" \
    --target "$site" -r "$LOCK"
}

# What nobody reads on a device, and what only its maker's machine had.
slim() {
  local root=$1
  rm -rf "$root"/usr/share/{doc,info,man,locale,lintian,bash-completion} "$root"/debootstrap \
    "$root"/var/cache/apt "$root"/var/lib/apt/lists "$root"/var/log/* "$root"/dev/* \
    "$root"/etc/{resolv.conf,hostname} "$root"/usr/bin/perl* "$root"/usr/lib/x86_64-linux-gnu/perl-base
  rm -rf "$root/$HOME_IN_ROOT"/.venv/lib/python3*/site-packages/bin
  # Compiled here: the root is read-only there, and vision must be back quickly.
  chroot "$root" python3 -m compileall -q /$HOME_IN_ROOT || true
  # Nobody becomes anybody else in there.
  find "$root" -xdev -perm /6000 -exec chmod ug-s {} +
  # Where systemd binds: a root that is read-only cannot be given folders later.
  mkdir -p "$root/$HOME_IN_ROOT/source/kiosk" "$root"/opt/kiosk/current/models_ir \
    "$root"/{etc/kiosk,run/kiosk,run/systemd,var/lib/kiosk-desired,dev,proc,sys,tmp}
  : >"$root/etc/machine-id"
}

if [ ! -f "$built" ]; then
  make_root "$work/root"
  slim "$work/root"
  # Times stay as they are: compiled Python is valid for a source of that very time.
  tar --create --directory="$work/root" --sort=name --numeric-owner . |
    zstd -q -T0 -6 -o "$built.partial" -f
  find "$CACHE/lts" -name 'root-*.zst' -delete
  mv "$built.partial" "$built"
  rm -rf "$work/root"
fi
ln "$built" "$work/$NAME/root.tar.zst"
seal "$work/$NAME"
pack "$work/$NAME" "$CACHE/lts/$NAME.tar"
echo "$CACHE/lts/$NAME.tar"
