"""The project's programs where TensorFlow cannot be imported: what they say before it loads."""

import subprocess
import sys

from tests.support.repository import ROOT


def run_without_tensorflow(program: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a program, such as `tools/search.py`, as a user would, but without TensorFlow.

    Args:
        program: Its path in the repository.
        *arguments: Its command-line arguments.
    """
    code = (
        f"import runpy, sys; sys.modules['tensorflow'] = None; sys.argv = {[program, *arguments]!r}; "
        f"runpy.run_path({program!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def error_line(result: subprocess.CompletedProcess) -> str:
    """The one line on stderr that tells a user's error, after checking that a program ended with it."""
    assert result.returncode == 1, result.stderr[-2000:]
    assert "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    return line
