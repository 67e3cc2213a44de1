"""Fetch the front-end files that ship with the package. Run by a maintainer; users need neither npm nor a network.

Each package is pinned to a version and to the checksum npm publishes for it. What is extracted stands, with its own
checksum and licence, beside ``vendor.lock.json``; a test compares the two.
"""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

VENDOR = pathlib.Path(__file__).parent.parent / "src/orchestrator/dashboard/static/vendor"
#: package: (version, npm's integrity, {file in the package: file we ship})
PINS = {
    "htmx.org": (
        "4.0.1",
        "sha512-oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
        {"dist/htmx.min.js": "htmx-4.0.1.min.js", "LICENSE": "htmx.LICENSE"},
    ),
    "uplot": (
        "1.6.32",
        "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        {
            "dist/uPlot.iife.min.js": "uplot-1.6.32.min.js",
            "dist/uPlot.min.css": "uplot-1.6.32.min.css",
            "LICENSE": "uplot.LICENSE",
        },
    ),
}


def main() -> None:
    lock: dict[str, dict[str, str | int]] = {}
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, (version, integrity, files) in PINS.items():
        with tempfile.TemporaryDirectory() as folder:
            command = ["npm", "pack", f"{name}@{version}", "--ignore-scripts", "--pack-destination", folder]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
            archive = next(pathlib.Path(folder).glob("*.tgz"))
            found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
            if found != integrity:
                sys.exit(f"{name}@{version} is not what was pinned:\n  pinned {integrity}\n  found  {found}")
            lock |= _extract(archive, name, version, files)
    (VENDOR / "vendor.lock.json").write_text(json.dumps(lock, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(lock)} files, {sum(int(entry['bytes']) for entry in lock.values()):,} bytes in {VENDOR}\n")


def _extract(archive: pathlib.Path, name: str, version: str, files: dict[str, str]) -> dict[str, dict[str, str | int]]:
    lock: dict[str, dict[str, str | int]] = {}
    with tarfile.open(archive) as packed:
        for source, target in files.items():
            member = packed.extractfile(f"package/{source}")
            if member is None:
                sys.exit(f"{name}@{version} holds no {source}")
            content = member.read()
            (VENDOR / target).write_bytes(content)
            lock[target] = {
                "package": name,
                "version": version,
                "source": source,
                "bytes": len(content),
                "sha384": "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode(),
            }
    return lock


if __name__ == "__main__":
    main()
