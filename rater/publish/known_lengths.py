"""Measure the texts that are there before anything is generated, as raters will see them."""

from pathlib import Path
from statistics import mean

from rater.publish.normalise import published_text
from rater.study.arms import Outside
from rater.study.outside import read_outside
from rater.study.study import Study


def known_lengths(study: Study, folder: Path) -> dict[str, float]:
    """Give the mean number of characters of each arm's texts, for the arms whose texts come from files.

    Args:
        study: what declares them.
        folder: where the study file is.

    Raises:
        StudyError: a file changed since the study was loaded.
    """
    samples = study.sampling.samples_per_prompt
    read = {
        arm.name: read_outside(arm, folder, study.prompts, samples_per_prompt=samples).texts.values()
        for arm in study.arms
        if isinstance(arm, Outside)
    }
    return {arm: mean(len(published_text(study, text)) for text in texts) for arm, texts in read.items()}
