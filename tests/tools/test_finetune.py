"""Mistakes in calling `tools/finetune.py`; what it does is tested in `test_tools.py` and `tests/workflow`."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_tf.training.config import TrainConfig
from tests.support.without_tensorflow import error_line

Run = Callable[..., subprocess.CompletedProcess]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--arch=random:2"], "Expected --arch to name one subnet. Received: --arch=random:2, 2 of them."),
        (["--arch=none.json"], "Received: --arch=none.json, which is no file."),
        (["--arch=max", "--epochs=0"], "Expected --epochs to be at least 1. Received: --epochs=0."),
        (["--arch=max"], "Expected a trained supernet at "),
        (["--arch=max", "--from_scratch"], "Expected the teacher at "),
        (["--arch=max", "--flagfile=flags/finetune_imagenet.cfg"], "Expected a trained supernet at "),
    ],
)
def test_a_mistake_is_one_line_before_tensorflow_loads(
    arguments: list[str], message: str, run: Run, tmp_path: Path
) -> None:
    TrainConfig(str(tmp_path / "run"), space="mobilenet_v3_tiny").save()
    result = run("tools/finetune.py", f"--from={tmp_path / 'run'}", f"--workdir={tmp_path / 'new'}", *arguments)
    assert message in error_line(result)
    assert "loading TensorFlow" not in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_run_that_is_none_is_named(run: Run, tmp_path: Path) -> None:
    result = run("tools/finetune.py", f"--from={tmp_path}", "--arch=max", "--workdir=unused")
    assert "Train first: python train_main.py" in error_line(result)
