# Sourced by the scripts beside it, which run in the project's folder.
# shellcheck shell=bash

readonly CACHE=${KIOSK_BUNDLE_CACHE:-/var/tmp/kiosk-bundle}
readonly DIST=${DIST:-dist}
# The tree that is bundled: this one, or a patched copy.
readonly SOURCE=${SOURCE:-.}
readonly BIN=$PWD/.venv/bin
# What only a roll-out needs of Python, the writer of SBOMs among it.
readonly DEPLOY_BIN=$PWD/.venv-deploy/bin
readonly BUNDLE=deploy/bundle
readonly RELEASE_KEY=${KIOSK_RELEASE_KEY:-$HOME/.config/kiosk/release.key}
readonly RELEASE_PUB=${RELEASE_KEY%.key}.pub

fail() {
  printf 'bundle: %s\n' "$*" >&2
  exit 1
}

# key_of FILE...: a short name for what is in them.
key_of() {
  cat "$@" | sha256sum | cut -c 1-12
}

# debian_arch ARCH: what Debian calls that machine.
debian_arch() {
  case $1 in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) fail "\"$1\" is not a kind of machine; say x86_64 or aarch64" ;;
  esac
}

# newest_change: the time of the bundled tree, in seconds; the same tree gives the same bytes.
newest_change() {
  if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    echo "$SOURCE_DATE_EPOCH"
  elif [ -e "$SOURCE/.git" ]; then
    git -C "$SOURCE" log -1 --format=%ct
  else
    find "$SOURCE/kiosk" "$SOURCE/deploy" -name __pycache__ -prune -o -type f -printf '%Ts\n' |
      sort -n | tail -n 1
  fi
}

# The key that signs: made at first use, for its owner's eyes only.
make_release_key() {
  if [ ! -f "$RELEASE_KEY" ]; then
    mkdir -p -m 700 "$(dirname "$RELEASE_KEY")"
    (umask 077 && openssl genpkey -algorithm ed25519 -out "$RELEASE_KEY.partial")
    mv -n "$RELEASE_KEY.partial" "$RELEASE_KEY"
  fi
  openssl pkey -in "$RELEASE_KEY" -pubout -out "$RELEASE_PUB.partial" ||
    fail "$RELEASE_KEY is not a key; name another in KIOSK_RELEASE_KEY"
  mv "$RELEASE_PUB.partial" "$RELEASE_PUB"
}

# seal FOLDER: checksums of every file in it, and their signature.
seal() (
  local key
  key=$(realpath "$RELEASE_KEY")
  cd "$1"
  rm -f SHA256SUMS SHA256SUMS.sig
  find . -type f -printf '%P\0' | LC_ALL=C sort -z >"$1.files"
  xargs -0 sha256sum <"$1.files" >SHA256SUMS
  rm "$1.files"
  openssl pkeyutl -sign -rawin -inkey "$key" -in SHA256SUMS -out SHA256SUMS.sig
)

# pack FOLDER TAR: FOLDER is the one thing at the top; the same content gives the same bytes.
pack() {
  tar --create --file="$2.partial" --directory="$(dirname "$1")" --format=gnu --sort=name \
    --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w --mtime="@$(newest_change)" \
    "$(basename "$1")"
  mv "$2.partial" "$2"
}
