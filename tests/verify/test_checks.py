from pathlib import Path

from rater.verify.checks import UNPROVABLE


def test_the_guide_lists_what_no_check_can_prove() -> None:
    guide = Path("docs/how-to/verify.md").read_text()

    for each in UNPROVABLE:
        assert f"\n- {each.what}\n" in guide
