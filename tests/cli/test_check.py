"""Check a study file: what is printed is in the JSON too, by name."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from rater.cli.check import check

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
    power = re.search(r"difference of 25 percentage points would be found in (\d+)%", printed.stdout)
    assert power is not None
    assert (figures["power"]["points"], f"{figures['power']['share']:.0%}") == (0.25, f"{power[1]}%")
    assert figures["checked_later"] == ["that it has the hook points that are named"]
    assert printed.stdout.endswith(f"Next: {figures['next']}\n")
