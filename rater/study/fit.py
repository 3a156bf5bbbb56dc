"""Check a study against what is known of its model without loading it."""

import re

from rater.errors import StudyError
from rater.study.arms import Steered
from rater.study.study import Study

_BLOCK = re.compile(r"blocks\.(\d+)\.")


def require_layers(study: Study, n_layers: int) -> None:
    """Refuse an addition at a layer that the model lacks.

    Raises:
        StudyError: with the addition's place and the layers that there are.
    """
    for number, arm in enumerate(study.arms):
        for index, addition in enumerate(arm.additions if isinstance(arm, Steered) else ()):
            field = "act_name" if hasattr(addition, "act_name") else "at"
            at = getattr(addition, field, None)
            block = _BLOCK.match(at) if isinstance(at, str) else None
            layer = int(block.group(1)) if block else at
            if isinstance(layer, int) and layer >= n_layers:
                msg = (
                    f"arms[{number}].additions[{index}].{field} is {at}, but {study.model} has layers "
                    f"0–{n_layers - 1}."
                )
                raise StudyError(msg)
