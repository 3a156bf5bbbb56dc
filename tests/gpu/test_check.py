import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_where_there_is_no_gpu_the_check_says_so_in_a_line() -> None:
    ran = subprocess.run(
        [sys.executable, Path(__file__).with_name("check.py")],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr == (
        "There is no GPU here that torch can use (torch.cuda.is_available() is False). "
        "--device cpu checks the rest.\n"
    )
