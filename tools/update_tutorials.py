"""Run the tutorials, and write what their commands print into their pages.

python tools/update_tutorials.py [docs/tutorial/first_study.md …]

It takes about two minutes. Read the changes: the text around an output may explain numbers that changed.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.executed_pages import execute_page  # noqa: E402 (the path above comes first)
from tests.test_tutorials import PAGES  # noqa: E402 (as above)


def main() -> None:
    """Update the pages named, or all."""
    for path in [Path(each).resolve() for each in sys.argv[1:]] or PAGES:
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory(prefix="rater-tutorial-") as folder:
            updated = execute_page(page, Path(folder))
        path.write_text(updated, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'changed' if updated != page else 'unchanged'}")


if __name__ == "__main__":
    main()
