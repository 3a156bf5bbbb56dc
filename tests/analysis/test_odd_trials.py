from pathlib import Path

import pytest

from rater.analysis.external_plan import plan_for
from rater.analysis.odd_trials import is_odd_one_out, trials_between, with_chosen_places
from rater.analysis.primary import analyze
from rater.analysis.read_ratings import read
from rater.analysis.results import Result
from rater.errors import StudyError, TableError

HEADER = "rater,prompt,arm_1,arm_2,arm_3,chosen_place\n"


def write(folder: Path, *rows: str) -> Path:
    path = folder / "ratings.csv"
    path.write_text(HEADER + "\n".join(rows), "utf-8")
    return path


def test_a_table_with_an_arm_for_each_place_has_the_odd_text_and_whether_it_was_chosen(
    tmp_path: Path,
) -> None:
    frame = read(write(tmp_path, "ada,p1,base,base,love,3", "ada,p2,love,base,love,1"))

    assert is_odd_one_out(frame)
    assert frame["arm"].tolist() == ["love", "base"]
    assert frame["other_arm"].tolist() == ["base", "love"]
    assert frame["odd_place"].tolist() == [3, 2]
    assert frame["answer"].tolist() == [1, 0]
    assert with_chosen_places(frame)["answer"].tolist() == [3, 1]


@pytest.mark.parametrize("arms", ["base,base,base", "base,love,hate", "base,,base"])
def test_arms_that_are_not_two_and_one_are_refused(tmp_path: Path, arms: str) -> None:
    with pytest.raises(TableError, match=r"arm_1, arm_2, arm_3 are .* valid: two of one arm"):
        read(write(tmp_path, f"ada,p1,{arms},1"))


def test_a_place_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"chosen_place is '4' in .* valid: 1, 2, 3"):
        read(write(tmp_path, "ada,p1,base,base,love,4"))


def test_trials_of_a_contrast_are_those_of_both_arms(tmp_path: Path) -> None:
    rows = ("ada,p1,base,base,love,3", "ada,p2,hate,base,hate,2", "ada,p3,love,hate,hate,1")
    frame = read(write(tmp_path, *rows))

    assert trials_between(frame, ("love", "base"))["prompt"].tolist() == ["p1"]


def external(tmp_path: Path) -> Path:
    """Six raters and six prompts, with two trials of each; the odd text is found in three of four."""
    rows = []
    for rater in range(6):
        for prompt in range(6):
            for number, arms in enumerate((["base", "love", "base"], ["love", "love", "base"])):
                odd = 2 + number
                chosen = odd if (rater + prompt + number) % 4 else 1
                rows.append(f"r{rater},p{prompt},{','.join(arms)},{chosen}")
    return write(tmp_path, *rows)


def test_an_external_table_is_analysed_against_guessing(tmp_path: Path) -> None:
    frame = read(external(tmp_path))

    found = analyze(frame, plan_for(frame)).dimensions[0]

    assert isinstance(found.primary, Result)
    assert found.primary.estimate == pytest.approx(frame["answer"].mean() - 1 / 3)
    assert found.details.odd_one_out is not None
    assert found.details.odd_one_out.contrasts[0].n == 72
    assert "told “love” and “base” apart" in found.headline


def test_points_are_refused_for_odd_one_out_trials(tmp_path: Path) -> None:
    frame = read(external(tmp_path))

    with pytest.raises(StudyError, match="odd-one-out trials"):
        plan_for(frame, points=5)
