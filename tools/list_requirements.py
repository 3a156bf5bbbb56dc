"""Print the requirements of a wheel, without some packages: `list_requirements.py WHEEL --without torch …`.

For an environment in which those packages are installed in another build.
"""

import argparse
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name


def list_requirements(wheel: Path, without: list[str]) -> list[str]:
    """Return the requirements in a wheel's metadata that no extra needs, without some packages."""
    with ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        declared = message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    left_out = {canonicalize_name(name) for name in without}
    requirements = [Requirement(line) for line in declared]
    return [
        str(each)
        for each in requirements
        if canonicalize_name(each.name) not in left_out and "extra ==" not in str(each.marker)
    ]


def main() -> None:
    """Print one requirement on each line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--without", nargs="*", default=[], metavar="PACKAGE")
    given = parser.parse_args()
    print("\n".join(list_requirements(given.wheel, given.without)))


if __name__ == "__main__":
    main()
