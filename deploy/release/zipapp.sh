#!/usr/bin/env bash
# Packs kiosk-release, which stands on Python's standard library alone: the same sources give the
# same bytes.
#   deploy/release/zipapp.sh FILE
set -euo pipefail
if [[ $# != 1 ]]; then
	echo "zipapp: name the file to make, as in deploy/release/zipapp.sh dist/kiosk-release" >&2
	exit 2
fi
mkdir -p "$(dirname "$1")"
exec /usr/bin/env python3 - "$(dirname "${BASH_SOURCE[0]}")/../.." "$1" <<'PYTHON'
import stat
import sys
import zipfile
from pathlib import Path

repo, target = map(Path, sys.argv[1:])
files = {
    path.relative_to(repo).as_posix(): path.read_bytes()
    for path in [
        repo / "kiosk/__init__.py",
        repo / "kiosk/errors.py",
        *(repo / "kiosk/release").glob("*.py"),
    ]
}
unit = "kiosk-confirm.service"
files[f"kiosk/release/{unit}"] = (repo / "deploy/release" / unit).read_bytes()
files["__main__.py"] = b"from kiosk.release import main\n\nmain()\n"
with target.open("wb") as out:
    out.write(b"#!/usr/bin/python3 -I\n")
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
target.chmod(0o755)
PYTHON
