#!/usr/bin/env bash
# Builds what a device installs without internet into dist/: a release and the Debian packages that it
# needs, for each kind of machine; signed.
#
#   deploy/bundle/bundle.sh
#
# Environment:
#   ARCHES             kinds of machine: "x86_64 aarch64"
#   PARTS              what to build: "release debian"; LTS=1 adds the Debian 11 root for Intel's stick
#   SOURCE, VERSION    another tree, another version; for a trial of an update
#   KIOSK_RELEASE_KEY  the key that signs: ~/.config/kiosk/release.key, made at first use
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. deploy/bundle/common.sh

readonly ARCHES=${ARCHES:-x86_64 aarch64}
PARTS=${PARTS:-release debian}
if [ -n "${LTS:-}" ]; then PARTS+=" lts"; fi
readonly LOG_LINES=15
# A step that is done within this time is not worth a line.
readonly ANNOUNCE_AFTER_S=3

log=$(mktemp)
announcer=""
finish() {
  if [ -n "$announcer" ]; then kill "$announcer" 2>/dev/null || true; fi
  rm -f "$log"
}
trap finish EXIT

# step LABEL COMMAND...: its output is shown only if it fails; its last line is left in `made`.
step() {
  local label=$1 code=0
  shift
  (
    sleep "$ANNOUNCE_AFTER_S" >/dev/null 2>&1
    printf 'bundle: %s\n' "$label"
  ) &
  announcer=$!
  "$@" >"$log" 2>&1 </dev/null || code=$?
  # The shell reports a killed child unless it is waited for.
  kill "$announcer" 2>/dev/null || true
  wait "$announcer" 2>/dev/null || true
  announcer=""
  if [ "$code" -ne 0 ]; then
    printf 'bundle: %s: failed; its last words:\n' "$label" >&2
    tail -n "$LOG_LINES" "$log" | sed 's/^/    /' >&2
    exit 1
  fi
  made=$(tail -n 1 "$log")
}

# put FILE: from the cache into dist/, without a second copy where that can be.
put() {
  local goal=$DIST/$1
  rm -f "$goal"
  ln "$made" "$goal" 2>/dev/null || cp "$made" "$goal"
  files+=("$goal")
}

for tool in apt-get apt-ftparchive dpkg-deb openssl; do
  command -v "$tool" >/dev/null ||
    fail "$tool is missing; on Debian, install apt-utils, dpkg and openssl"
done
mkdir -p "$CACHE"/{wheels,debian,lts} "$DIST"
exec 9>"$CACHE/lock"
flock --nonblock 9 || {
  echo "bundle: waiting for another build"
  flock 9
}

files=()
made=""
step "making the key that signs" make_release_key
cp "$RELEASE_PUB" "$DIST/release.pub"
for arch in $ARCHES; do
  for part in $PARTS; do
    case $part in
      release)
        step "the release for $arch" "$BUNDLE/release.sh" "$arch"
        files+=("$made")
        ;;
      debian)
        step "Debian packages for $arch" "$BUNDLE/debian.sh" "$arch"
        put "kiosk-debian12-$arch.tar"
        ;;
      # Intel's last runtime for its stick is published for this kind of machine only.
      lts)
        if [ "$arch" = x86_64 ]; then
          version=${VERSION:-$("$BIN/python" -m deploy.bundle.contents version "$SOURCE")}
          step "the Debian 11 root for Intel's stick" \
            "$BUNDLE/lts.sh" "$version"
          put "kiosk-lts-$version-x86_64.tar"
        fi
        ;;
      *) fail "\"$part\" is not something to bundle; say release, debian or lts" ;;
    esac
  done
done
"$BIN/python" -m deploy.bundle.contents table "${files[@]}"
