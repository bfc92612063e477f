# Sourced: an apt of its own for each kind of machine, with this machine's mirrors and Debian's keys
# and nothing installed. It changes nothing on this machine and needs no root.
# shellcheck shell=bash

readonly DEBIAN=bookworm
readonly DEBIAN_KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
# Security updates must reach a device that has no internet, so lists are never older than this.
readonly LISTS_MAX_AGE_MIN=1440

# mirror_of PATTERN: where this machine's own packages come from.
mirror_of() {
  local found
  # Escapes are apt's own.
  # shellcheck disable=SC2016
  found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -m 1 -E "$1" || true)
  [ -n "$found" ] || fail "apt on this machine has no mirror of Debian ($1);" \
    "name one in KIOSK_DEBIAN_MIRROR and KIOSK_DEBIAN_SECURITY_MIRROR"
  echo "$found"
}

debian_mirror() {
  echo "${KIOSK_DEBIAN_MIRROR:-$(mirror_of '/debian/$')}"
}

# open_apt ARCH: makes it ready, with lists of today; in_apt uses it.
open_apt() {
  local arch security
  arch=$(debian_arch "$1")
  [ -f "$DEBIAN_KEYS" ] || fail "$DEBIAN_KEYS is missing: install debian-archive-keyring"
  APT_ROOT=$CACHE/apt/$arch
  mkdir -p "$APT_ROOT"/{lists/partial,archives/partial}
  : >"$APT_ROOT/status"
  security=${KIOSK_DEBIAN_SECURITY_MIRROR:-$(mirror_of '/debian-security/$')}
  cat >"$APT_ROOT/sources.list" <<SOURCES
deb [signed-by=$DEBIAN_KEYS] $(debian_mirror) $DEBIAN main
deb [signed-by=$DEBIAN_KEYS] $(debian_mirror) $DEBIAN-updates main
deb [signed-by=$DEBIAN_KEYS] $security $DEBIAN-security main
SOURCES
  cat >"$APT_ROOT/apt.conf" <<CONF
#clear APT::Architectures;
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "true";
Dir::Etc::sourcelist "$APT_ROOT/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$APT_ROOT";
Dir::State::status "$APT_ROOT/status";
Dir::Cache "$APT_ROOT";
CONF
  if [ -z "$(find "$APT_ROOT/updated" -mmin "-$LISTS_MAX_AGE_MIN" 2>/dev/null)" ]; then
    in_apt apt-get update
    touch "$APT_ROOT/updated"
  fi
}

in_apt() {
  APT_CONFIG=$APT_ROOT/apt.conf "$@"
}
