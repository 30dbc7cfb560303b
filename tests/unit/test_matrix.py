"""The page of what is supported says what the server reads and the tests call."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_the_support_matrix_is_fresh() -> None:
    done = subprocess.run([sys.executable, TOP / "tools" / "matrix.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "run: python tools/matrix.py"


def test_the_codes_of_why_are_fresh() -> None:
    done = subprocess.run([sys.executable, TOP / "tools" / "why.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_codes_of_errors_are_fresh() -> None:
    done = subprocess.run([sys.executable, TOP / "tools" / "errors.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
