"""Hold the terminal's lines on metrics."""

from dataclasses import replace

import numpy as np
import pandas as pd

from rater.report.console.measures import metric_line
from tests.analysis.test_measures import compared, texts


def test_a_line_begins_with_failures_and_has_the_raters_next_to_the_metric() -> None:
    values = pd.Series(texts()["quality"]).where(np.arange(len(texts())) > 1)

    line = metric_line(replace(compared(values, dimension="happiness"), name="judge"))

    assert line.startswith("judge: 2 WITHOUT A VALUE; 46 values; net superiority ")
    assert ", raters 0." in line
    assert "within arms" in line
