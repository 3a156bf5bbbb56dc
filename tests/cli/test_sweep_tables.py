from rich.console import Console

from rater.cli.sweep_tables import SweepTerms, print_sweep
from rater.steering.sweep_results import SweepOutcome, SweepSetting

TERMS = SweepTerms("occurrences of joy in a text", "coeff", {"front": "front tokens", "back": "back tokens"})
UNSTEERED = SweepOutcome(None, kl=0, ratio=0, nll=1, repetition=0, n_words=30, score=0.25)


def outcome(coeff: float, score: float, nll: float) -> SweepOutcome:
    return SweepOutcome(
        SweepSetting(6, coeff), kl=0.5, ratio=0.1, nll=nll, repetition=0, n_words=30, score=score
    )


def printed(*outcomes: SweepOutcome) -> str:
    console = Console(width=110, color_system=None)
    with console.capture() as captured:
        print_sweep([UNSTEERED, *outcomes], TERMS, console)
    return captured.get()


def test_the_largest_effect_without_degenerate_text_is_suggested() -> None:
    text = printed(outcome(2, 1.5, 1.1), outcome(8, 4, 6))

    assert "Suggested: layer 6, coeff 2, front tokens: effect 1.50 (unsteered 0.25)" in text
    degenerate = [line for line in text.splitlines() if line.split()[:3] == ["6", "8", "front"]]
    assert [line.split()[-1] for line in degenerate] == ["✗"]


def test_only_positions_that_were_measured_have_a_map() -> None:
    text = printed(outcome(2, 1.5, 1.1))

    assert "Effect by layer and coeff, front tokens" in text
    assert "back tokens" not in text


def test_without_a_usable_setting_nothing_is_suggested() -> None:
    assert "No setting has a larger effect" in printed(outcome(8, 4, 6))
