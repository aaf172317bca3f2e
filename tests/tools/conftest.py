import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.images import write_class_folders
from tests.support.repository import ROOT
from tests.support.spaces import PLUGINS_FLAG, SMALL

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs one of the project's programs exactly as a user would."""

    def run_program(program: str, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess:
        command = [sys.executable, program, *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)

    return run_program


@pytest.fixture(scope="session")
def quickstart(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of a whole quickstart on generated images, one epoch a phase."""
    folder = tmp_path_factory.mktemp("quickstart")
    photos = write_class_folders(folder / "photos", {"ant": 40, "bee": 40})
    phases = ("full", "kernel", "depth_1", "depth_2", "width_1", "width_2")
    training = (
        PLUGINS_FLAG,
        f"--space={SMALL.name}",
        f"--dataset=folder:{photos}",
        "--batch_size=16",
        "--num_calibration_images=32",
        "--full_warmup_epochs=0",
        *(f"--{phase}_epochs=1" for phase in phases),
        *(f"--{phase}_num_subnets=1" for phase in phases),
    )
    (folder / "training.cfg").write_text("\n".join(training))
    flagfile = f"--flagfile={folder / 'training.cfg'}"
    # One of the few test images is many points, and networks trained so little are unsure of all of them.
    options = ("--num_archs=10", "--num_networks=4", "--max_accuracy_drop=100", "--precision=float32")
    result = run("tools/quickstart.py", f"--workdir={folder / 'run'}", flagfile, *options)
    assert result.returncode == 0, result.stderr[-3000:]
    (folder / "run" / "stdout.txt").write_text(result.stdout)
    (folder / "run" / "stderr.txt").write_text(result.stderr)
    return folder / "run"
