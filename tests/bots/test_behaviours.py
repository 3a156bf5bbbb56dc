import numpy as np
import pytest

from rater.bots.behaviours import (
    Asked,
    Attentive,
    Lazy,
    Middle,
    Random,
    ResponseModel,
    TextQuality,
    make_judge,
    seconds_on_a_text,
)

POINTS = Asked("Once", (" upon a time.",), "happiness", (1.0, 2.0, 3.0, 4.0))
SLIDER = Asked("Once", (" upon a time.",), "force", (), lowest=0, highest=100, step=5)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_middle_is_the_lower_of_two_points_and_half_of_a_slider() -> None:
    assert Middle()(POINTS) == 2
    assert Middle()(SLIDER) == 50


def test_a_lazy_bot_always_gives_the_same_answer() -> None:
    judge = Lazy(rng())

    assert len({judge(POINTS) for _ in range(20)}) == 1


def test_a_random_bot_uses_the_whole_scale_and_nothing_outside_it() -> None:
    judge = Random(rng())

    assert {judge(POINTS) for _ in range(200)} == set(POINTS.values)
    on_the_slider = [judge(SLIDER) for _ in range(200)]
    assert (min(on_the_slider), max(on_the_slider)) == (0, 100)
    assert {value % 5 for value in on_the_slider} == {0}


@pytest.mark.parametrize(("asked", "passing"), [(POINTS, (3, 3)), (SLIDER, (70, 80))])
def test_an_attentive_bot_passes_a_check(asked: Asked, passing: tuple[float, float]) -> None:
    shown = (asked.prompt, asked.texts[0])
    model = ResponseModel({}, passing={shown: {asked.dimension: passing}})

    assert passing[0] <= Attentive(model, rng())(asked) <= passing[1]


def test_an_attentive_bot_prefers_the_text_of_the_higher_quality() -> None:
    qualities = {("Once", " low"): TextQuality(-3, 0), ("Once", " high"): TextQuality(3, 0)}
    model = ResponseModel(
        qualities, answers={"preference": lambda levels, _: 1.0 if levels[1] > levels[0] else -1.0}
    )
    judge = Attentive(model, rng())
    left, right = (
        Asked("Once", texts, "preference", (-1.0, 1.0)) for texts in ((" high", " low"), (" low", " high"))
    )

    assert np.mean([judge(left) for _ in range(200)]) < -0.9
    assert np.mean([judge(right) for _ in range(200)]) > 0.9


def test_a_lazy_bot_reports_less_than_a_second_and_a_slow_one_far_more_than_others() -> None:
    times = {
        character: [seconds_on_a_text(character, rng()) for _ in range(50)]
        for character in ("lazy", "slow", "effect")
    }

    assert max(times["lazy"]) < 1
    assert np.median(times["slow"]) > 2 * np.median(times["effect"])


def test_characters_about_the_visit_judge_attentively() -> None:
    model = ResponseModel({})

    assert isinstance(make_judge("quitting", model, rng()), Attentive)
    assert isinstance(make_judge("middle", model, rng()), Middle)


def test_an_attentive_bot_chooses_the_target_it_recognises_and_else_any_other_label() -> None:
    shown = ("It was", " a wedding.")

    def chosen(recognises: float) -> set[float]:
        model = ResponseModel({}, answers={"which": lambda *_: recognises}, targets={shown: {"which": 2}})
        judge = Attentive(model, np.random.default_rng(1))
        return {judge(Asked(shown[0], (shown[1],), "which", (3, 1, 2, 0))) for _ in range(40)}

    assert chosen(1) == {2}
    assert chosen(0) == {0, 1, 3}
