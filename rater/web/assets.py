"""Give the static files an address that changes with their content, so that browsers may keep them."""

import hashlib
from pathlib import Path

STATIC_FOLDER = Path(__file__).parent / "static"


def static_version(folder: Path) -> str:
    """Hash all files of a folder, names included: 12 hexadecimal digits.

    One version for all of them, because the scripts import each other by relative addresses.
    """
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()[:12]
