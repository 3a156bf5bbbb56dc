"""Check a study file: what is printed is in the JSON too, by name."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli.check import check, print_prompts, read_tokenizers, require_long_prompts, show_prompts
from rater.errors import ModelError
from rater.study.load import load_study
from tests.cli.command import run

STUDY = """
from rater import *

study = Study(
    name="odd", title="T", consent="C", instructions="I",
    dimensions=[Dimension(name="d", question="Which?", scale=Pairwise())],
    prompts=["I hate you because"],
    arms=[Unsteered(), Steered(name="love", additions=[XVector("Love", "Hate", coeff=0, at=6)])],
    sampling=Sampling(samples_per_prompt=2),
    plan=Plan(raters=4),
)
"""


@pytest.mark.model
def test_the_json_has_all_that_is_printed_and_numbers_as_numbers(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text(STUDY)

    printed = CliRunner().invoke(check, [str(file)])
    figures = json.loads(CliRunner().invoke(check, [str(file), "--json"]).stdout)

    assert printed.stderr.splitlines() == [f"Warning: {each}" for each in figures["warnings"]]
    assert len(figures["warnings"]) == 2
    assert figures["study_hash"] in printed.stdout
    assert figures["study"]["arms"][1]["name"] == "love"
    assert figures["planned"]["contrast"] == ["love", "unsteered"]
    assert figures["prompts"] == [
        {
            "arms": ["unsteered", "love"],
            "text": "I hate you because",
            "ids": [1, 57, 13735, 346, 975],
            "own": {"first": 1, "last": 4},
            "remarks": [],
        }
    ]
    assert figures["balance"]["ratings_per_arm"] == {"unsteered": 4, "love": 4}
    assert figures["balance"]["first_left"] == [{"left": "unsteered", "right": "love", "share": 0.5}]
    power = re.search(r"power to detect a difference of 25 percentage points is (\d+)%", printed.stdout)
    assert power is not None
    assert (figures["power"]["points"], f"{figures['power']['share']:.0%}") == (0.25, f"{power[1]}%")
    assert figures["checked_later"] == ["hook points exist"]
    assert printed.stdout.endswith(f"Next: {figures['next']}\n")


STUDY_PROMPTS = """
from rater import *

love = Steered(name="love", additions=[XVector("Love", "Hate", coeff=5, at=6)])
placed = Steered(name="placed", additions=[XVector("Love", "Hate", coeff=5, at=6, when="all", read="last")])
study = Study(
    name="tiny", title="T", consent="C", instructions="I", CHAT
    dimensions=[Dimension(name="d", question="Q?", scale=Likert(low="l", high="h"))],
    prompts=["I hate you because", "The rain went"],
    arms=[Unsteered(), love, placed, random_control(love), ARMS],
    sampling=Sampling(samples_per_prompt=1),
)
"""


def shown(folder: Path, capsys: pytest.CaptureFixture[str], arms: str, chat: str = "") -> str:
    (folder / "tiny.py").write_text(STUDY_PROMPTS.replace("ARMS", arms).replace("CHAT", chat))
    study = load_study(folder / "tiny.py")
    print_prompts(study, show_prompts(study, read_tokenizers(study), folder))
    return capsys.readouterr().out


@pytest.mark.model
def test_the_very_tokens_are_shown_once_for_arms_that_share_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(tmp_path, capsys, "Prompted(prefix='Be kind. ')")

    assert out.splitlines()[1:] == [
        "Model input for the first of 2 prompts, 'I hate you because':",
        "  unsteered, love, placed, love-random",
        "      text 'I hate you because'",
        "      ids  1 57 13735 346 975",
        "  prompted",
        "      text 'Be kind. I hate you because'",
        "      ids  1 6077 1942 30 339 13735 346 975",
        "      the prompt's own are tokens 4–7 (BOS is 0, the last 7)",
    ]


@pytest.mark.model
def test_a_chat_says_which_additions_land_in_the_template(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(tmp_path, capsys, "Prompted(system='Be kind.')", chat="chat=True,")

    assert r"text '<|im_start|>system\nYou are a helpful AI assistant named SmolLM" in out
    assert "ids  1 9690 198 2683 " in out
    assert "the prompt's own are tokens 24–27 (BOS is 0, the last 33)" in out
    assert "\n      love, love-random: additions at the front begin at token 0, in the chat template" in out
    assert "position=(24, …) reaches the prompt" in out


def test_a_model_that_is_not_here_and_a_text_that_runs_into_its_prompt_are_remarked_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text(
        "prompt,arm,text\nI hate you because,external,you left\nThe rain went,external, on\n"
    )

    out = shown(tmp_path, capsys, "OtherModel(model='nobody/nothing'), ExternalCompletions(path='t.csv')")

    assert "other_model\n      not shown: the tokenizer of nobody/nothing is not on this machine" in out
    assert "raters see 'I hate you becauseyou left'" in out
    assert "1 of them begin without a space or line break" in out


def test_of_a_long_text_from_a_file_it_shows_the_beginning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ("I hate you because,external, it" + " goes by" * 800, "The rain went,external, on")
    (tmp_path / "t.csv").write_text("\n".join(("prompt,arm,text", *rows)))

    out = shown(tmp_path, capsys, "ExternalCompletions(path='t.csv')")

    assert "raters see 'I hate you because it goes by" in out
    assert "' … (6,421 characters)" in out
    assert out.count("goes by") < 40


@pytest.mark.model
@pytest.mark.parametrize(
    ("addition", "needed"),
    [
        ("XVector('Love', 'Hate', coeff=5, at=6)", None),
        ("XVector('Love and all of', 'Hate', coeff=5, at=6)", 5),
        ("XVector('Love and all of that', 'Hate', coeff=5, at=6, read='last')", None),
        ("XVector('Love and all of that', 'Hate', coeff=5, at=6, when='all', read='mean')", None),
        ("XVector('L', 'H', coeff=5, at=6, read='last', position=(4,))", 5),
        ("RandomVector(like=XVector('Love and all of', 'Hate', coeff=5, at=6))", 5),
    ],
)
def test_a_prompt_that_is_too_short_is_refused_without_the_model(
    tmp_path: Path, addition: str, needed: int | None
) -> None:
    text = STUDY_PROMPTS.replace("ARMS", f"Steered(name='long', additions=[{addition}])").replace("CHAT", "")
    (tmp_path / "tiny.py").write_text(text)
    study = load_study(tmp_path / "tiny.py")

    if needed is None:
        assert require_long_prompts(study, read_tokenizers(study))
    else:
        with pytest.raises(ModelError) as refused:
            require_long_prompts(study, read_tokenizers(study))
        assert str(refused.value) == (
            "prompts[1] ('The rain went') is 4 tokens long with BOS, but arms[4].additions[0] needs "
            f"{needed}; use a longer prompt or a shorter addition."
        )


def test_a_study_file_is_written_from_the_chosen_template_and_passes_its_check(tmp_path: Path) -> None:
    written = run("new", "mine", "--template", "pairwise", cwd=tmp_path)
    checked = run("check", "mine.py", cwd=tmp_path)

    assert written.returncode == 0, written.stderr
    assert written.stdout.startswith("Written: mine.py\n")
    assert "rater check mine.py" in written.stdout
    assert checked.returncode == 0, checked.stderr


def test_templates_are_listed_with_their_purpose(tmp_path: Path) -> None:
    listed = run("new", "--list", cwd=tmp_path)

    assert listed.returncode == 0
    assert {"love_vs_hate", "pairwise"} <= {
        line.split()[0] for line in listed.stdout.splitlines() if line.split()
    }
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"), [((), "rater new mine"), (("mine", "--template", "pairwize"), "pairwise")]
)
def test_a_missing_name_and_a_misspelt_template_are_refused(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    refused = run("new", *arguments, cwd=tmp_path)

    assert refused.returncode == 2
    assert message in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_is_given_is_checked_and_estimated(tmp_path: Path) -> None:
    arms = "Steered(name='early', additions=[XVector('A', 'B', coeff=1, at=0)])"
    (tmp_path / "tiny.py").write_text(STUDY_PROMPTS.replace("ARMS", arms).replace("CHAT", ""))
    (tmp_path / "later.py").write_text((tmp_path / "tiny.py").read_text().replace("at=0", "at=1"))

    refused = run("check", "tiny.py", "--engine", "vllm", cwd=tmp_path)
    later = run("check", "later.py", "--engine", "vllm", "--device", "cuda", "--json", cwd=tmp_path)

    assert refused.returncode == 2
    assert "arms[4].additions[0].at (arm 'early') is 'blocks.0.hook_resid_pre'" in refused.stderr
    (generation,) = json.loads(later.stdout)["generation"]
    assert (generation["engine"], generation["device"]) == ("vllm", "cuda")
    assert generation["n_completions"] == 10
