"""Prompts are checked for their length without the model, and without torch."""

import subprocess
import sys


def test_the_check_of_lengths_loads_no_torch() -> None:
    code = "import sys, rater.steering.prompt_lengths; print('torch' in sys.modules)"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "False"
