"""Generate a study whose arms come from two models and a file."""

import gc
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from rater.cli.generate import generate
from rater.cli.model import load_model as load
from rater.embedded_model import embedded_model_path
from rater.store.engine import disposing, reading
from rater.store.sealed.completions import read_completions
from rater.store.sealed.open import open_sealed

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

STUDY = """
from rater import *

study = Study(
    name="mixed", title="T", consent="C", instructions="I",
    dimensions=[Dimension(name="d", question="Q?", scale=Likert(low="l", high="h"))],
    prompts=["I hate you because"],
    arms=[
        OtherModel(name="copy", model=FOLDER),
        Unsteered(),
        Prompted(prefix="Love. "),
        ExternalCompletions(path="t.csv"),
    ],
    sampling=Sampling(max_new_tokens=3, top_p=0.9, samples_per_prompt=2),
)
"""


@pytest.mark.slow
@pytest.mark.model
def test_models_come_one_after_the_other_with_the_same_random_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mixed.py").write_text(STUDY.replace("FOLDER", repr(str(embedded_model_path()))))
    (tmp_path / "t.csv").write_text("prompt,arm,text\n" + "I hate you because,external, you left\n" * 2)
    loaded: list[weakref.ref[TransformerBridge]] = []
    alive: list[int] = []

    def watched(name: str, device: str | None, dtype: str | None) -> "TransformerBridge":
        alive.append(sum(each() is not None for each in loaded))
        model = load(name, device, dtype)
        loaded.append(weakref.ref(model))
        return model

    # Only the loader knows which models are in memory. The package has a command under the module's name.
    monkeypatch.setattr(sys.modules["rater.cli.model"], "load_model", watched)
    sealed_url = f"sqlite:///{tmp_path / 'sealed.db'}"

    result = CliRunner().invoke(
        generate, [str(tmp_path / "mixed.py"), "--device", "cpu", "--sealed", sealed_url]
    )

    gc.collect()
    assert result.exit_code == 0, result.output
    assert alive == [0, 0]
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        texts = {(kept.cell.arm, kept.cell.sample): kept.text for kept in read_completions(session, 1)}
    assert texts["copy", 0] == texts["unsteered", 0]
    assert texts["copy", 1] == texts["unsteered", 1]
    assert texts["external", 1] == " you left"
    assert len(texts) == 8
