#!/usr/bin/env bash
# Brings a clone to where it runs: Debian packages, .venv, models, demo footage. Says nothing and
# asks no network when everything is there.
#
#   deploy/setup.sh         all of it, for the tests
#   deploy/setup.sh demo    without the Debian packages that only the tests need
#   deploy/setup.sh tools   .venv and Debian packages only
#   deploy/setup.sh bundle  what a release is built and rolled out with: .venv-deploy, models
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
# Ansible and its collections are larger than the product, and apart from it.
readonly DEPLOY_VENV=.venv-deploy
readonly LOG_LINES=15
# A step that is done within this time had nothing to do and is not worth a line.
readonly ANNOUNCE_AFTER_S=1.5

log=$(mktemp)
announcer=""
finish() {
  if [ -n "$announcer" ]; then kill "$announcer" 2>/dev/null || true; fi
  rm -f "$log"
}
trap finish EXIT

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# step DELAY LABEL COMMAND...: the command's output goes to the log and is shown only if it fails.
step() {
  local delay=$1 label=$2 code=0
  shift 2
  (
    sleep "$delay" >/dev/null 2>&1
    printf 'setup: %s\n' "$label"
  ) &
  announcer=$!
  if [ "$delay" = 0 ]; then wait "$announcer"; fi
  "$@" >"$log" 2>&1 </dev/null || code=$?
  # The shell reports a killed child unless it is waited for.
  kill "$announcer" 2>/dev/null || true
  wait "$announcer" 2>/dev/null || true
  announcer=""
  if [ "$code" -ne 0 ]; then
    printf 'setup: %s: failed; its last words:\n' "$label" >&2
    tail -n "$LOG_LINES" "$log" | sed 's/^/    /' >&2
    exit 1
  fi
}

# ---- Debian packages ---------------------------------------------------------------------------

# What a package provides counts too: newer releases rename libraries.
missing_packages() {
  local wanted
  wanted=$(sed 's/#.*//' "$@")
  dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' | awk -v wanted="$wanted" '
    $1 == "installed" {
      sub(/^installed /, "")
      gsub(/\([^)]*\)/, "")
      count = split($0, names, /[ ,]+/)
      for (i = 1; i <= count; i++) have[names[i]] = 1
    }
    END {
      count = split(wanted, names)
      for (i = 1; i <= count; i++) if (!(names[i] in have)) print names[i]
    }'
}

install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    # Another distribution: what is missing shows itself in the steps that need it.
    return
  fi
  local -a missing install
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -eq 0 ]; then
    return
  fi
  install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends)
  local -a root=()
  if [ "$(id -u)" -ne 0 ]; then
    root=(sudo -n)
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
      fail "Debian packages are missing: ${missing[*]}; as root, run:" \
        "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    fi
  fi
  step 0 "reading Debian's package lists" "${root[@]}" apt-get update
  step 0 "installing Debian packages: ${missing[*]}" "${root[@]}" "${install[@]}" "${missing[@]}"
}

# ---- Python ------------------------------------------------------------------------------------

# Its headers must be there too, because systemd-python is compiled.
suits() {
  "$1" - >/dev/null 2>&1 <<'PROBE'
import ensurepip, os, sys, sysconfig, venv
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
sys.exit(not (sys.version_info >= (3, 11) and os.path.isfile(header)))
PROBE
}

find_python() {
  local candidate
  for candidate in python3 /usr/bin/python3 python3.11 python3.12 python3.13 python3.14; do
    if command -v "$candidate" >/dev/null && suits "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# The folder and the interpreter belong to it: a moved clone or an upgraded Python needs a new one.
stamp_of() {
  {
    pwd -P
    "$1/bin/python" -V 2>&1 || true
    sha256sum "${@:2}"
  } | sha256sum
}

stamp() {
  stamp_of "$1" "${@:3}" >"$1/$2"
}

is_stamped() {
  [ -f "$1/$2" ] && [ "$(cat "$1/$2")" = "$(stamp_of "$1" "${@:3}")" ]
}

# make_venv FOLDER LOCK SIZE: from scratch, so that nothing is left over that the lock does not name.
make_venv() {
  local folder=$1 lock=$2 size=$3 python
  local pip=("$folder/bin/python" -m pip --quiet --disable-pip-version-check install)
  if is_stamped "$folder" stamp-locks requirements/build.txt "$lock"; then
    return
  fi
  python=$(find_python) || fail "no Python 3.11 or newer with its headers was found;" \
    "on Debian, install python3 python3-venv python3-dev"
  step 0 "making $folder with $("$python" -V)" "$python" -m venv --clear "$folder"
  step 0 "installing build tools" "${pip[@]}" --require-hashes -r requirements/build.txt
  # What has to be compiled is compiled with those, not with whatever is newest today. The lock is
  # complete, and --no-deps keeps out what it leaves out.
  step 0 "installing Python packages (about $size; takes minutes)" \
    "${pip[@]}" --require-hashes --no-deps --no-build-isolation --use-pep517 -r "$lock"
  stamp "$folder" stamp-locks requirements/build.txt "$lock"
}

install_kiosk() {
  if ! is_stamped "$VENV" stamp-kiosk pyproject.toml || [ ! -x "$VENV/bin/kiosk" ]; then
    step 0 "installing kiosk itself" "$VENV/bin/python" -m pip --quiet \
      --disable-pip-version-check install --no-deps --no-build-isolation -e .
    stamp "$VENV" stamp-kiosk pyproject.toml
  fi
}

# ------------------------------------------------------------------------------------------------

readonly what=${1:-all}
case $what in
  all) packages=(deploy/debian-packages{,-bundle,-dev}.txt) ;;
  bundle) packages=(deploy/debian-packages{,-bundle}.txt) ;;
  demo | tools) packages=(deploy/debian-packages.txt) ;;
  *) fail "\"$what\" is not something to set up; say all, demo, tools or bundle" ;;
esac

install_packages "${packages[@]}"
make_venv "$VENV" requirements/dev.txt "1 GB"
install_kiosk
if [ "$what" = all ] || [ "$what" = bundle ]; then
  make_venv "$DEPLOY_VENV" requirements/deploy.txt "700 MB"
fi
if [ "$what" != tools ]; then
  step "$ANNOUNCE_AFTER_S" "fetching the chart library of head office's pages" \
    deploy/web-assets.sh "$VENV/bin/python"
  step "$ANNOUNCE_AFTER_S" "fetching and converting the models" \
    "$VENV/bin/kiosk" models build --quiet
fi
if [ "$what" = all ] || [ "$what" = demo ]; then
  step "$ANNOUNCE_AFTER_S" "fetching the footage and making the demo film" \
    "$VENV/bin/kiosk" demo --prepare
fi
if [ "$what" = all ]; then
  # Bundles that the tests look at; two need files of publishers whose addresses may be out of reach.
  mirror="${KIOSK_DATA:-../shared/data}/upstream"
  if [ -d "$mirror" ]; then
    step "$ANNOUNCE_AFTER_S" "converting the models of every bundle" \
      "$VENV/bin/kiosk" models build --quiet --bundle all --mirror "$mirror"
  else
    for bundle in mediapipe tiny-yolo; do
      step "$ANNOUNCE_AFTER_S" "converting the models of bundle $bundle" \
        "$VENV/bin/kiosk" models build --quiet --bundle "$bundle"
    done
  fi
  step "$ANNOUNCE_AFTER_S" "fetching the portraits of the benches" "$VENV/bin/kiosk" bench prepare
fi
