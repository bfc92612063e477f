#!/usr/bin/env bash
# Makes kiosk-debian12-ARCH.tar: a flat apt repository with every Debian package that the roles
# install, dependencies included, as if nothing were installed yet. Prints the cached file.
#
#   deploy/bundle/debian.sh ARCH
#
# A machine uses it with one line of sources.list, after SHA256SUMS.sig was verified:
#   deb [trusted=yes] file:/the/folder ./
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. deploy/bundle/common.sh
. deploy/bundle/apt.sh

readonly ARCH=$1
readonly NAME=kiosk-debian12-$ARCH

lists=("$BUNDLE"/debian-{base,device,broker,choice}.txt)
# Head office is no small box.
if [ "$ARCH" = x86_64 ]; then lists+=("$BUNDLE/debian-central.txt"); fi
mapfile -t wanted < <(sed 's/#.*//' "${lists[@]}" |
  awk -v arch="$(debian_arch "$ARCH")" '
    NF { count = split($1, name, ":"); if (count == 1 || name[2] == arch) print name[1] }' |
  LC_ALL=C sort -u)

open_apt "$ARCH" >&2
key=$(key_of "${lists[@]}" "$BUNDLE"/{debian.sh,apt.sh,common.sh,sbom.py} "$RELEASE_PUB" \
  "$APT_ROOT"/lists/*_Packages*)
goal=$CACHE/debian/$NAME-$key.tar
if [ -f "$goal" ]; then
  echo "$goal"
  exit
fi

work=$CACHE/debian/work-$ARCH
rm -rf "$work"
mkdir -p "$work/$NAME"
repo=$work/$NAME
in_apt apt-get install --yes --download-only "${wanted[@]}" >&2
# The cache keeps what was fetched before, too: only what is wanted now goes in.
in_apt apt-get install --yes --print-uris -qq -o Dir::Cache::archives=/nonexistent/ \
  "${wanted[@]}" | awk '{ print $2 }' >"$work/files"
[ -s "$work/files" ] || fail "apt names no file for $ARCH"
(cd "$APT_ROOT/archives" && xargs cp --link --target-directory="$repo") <"$work/files"

printf '%s\n' "${wanted[@]}" >"$repo/packages.txt"
(
  cd "$repo"
  apt-ftparchive --db "$CACHE/debian/$ARCH.db" packages . >Packages
  gzip --keep --no-name -9 Packages
  apt-ftparchive -o APT::FTPArchive::Release::Label=kiosk \
    -o "APT::FTPArchive::Release::Architectures=$(debian_arch "$ARCH")" release . >"$work/Release"
  mv "$work/Release" Release
)
"$DEPLOY_BIN/python" "$BUNDLE/sbom.py" debian --packages "$repo/Packages" --name "$NAME" \
  --epoch "$(newest_change)" --output "$repo/sbom.cdx.json" >&2
seal "$repo"
find "$CACHE/debian" -name "$NAME-*.tar" -delete
pack "$repo" "$goal"
rm -rf "$work"
echo "$goal"
