"""`tools/finetune.py` as a user calls it; what it does is tested in `tests/workflow/test_finetuning.py`."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_tf.space.arch import Arch
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from ofa_tf.training.config import TrainConfig

Run = Callable[..., subprocess.CompletedProcess]


@pytest.mark.slow
def test_a_found_subnet_is_trained_alone_measured_and_exported(run: Run, quickstart: Path, tmp_path: Path) -> None:
    arch = quickstart / "archs" / "found_1.json"
    workdir = tmp_path / "tuned"
    options = (f"--from={quickstart}", f"--arch={arch}", f"--workdir={workdir}", "--epochs=1", "--batch_size=8")
    result = run("tools/finetune.py", *options)
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"a subnet of small on folder:{quickstart.parent / 'photos'}" in result.stderr
    assert f"Next: python tools/evaluate.py --workdir={workdir} --arch=max" in result.stdout
    config = TrainConfig.load(workdir)
    assert (config.batch_size, config.plugins) == (8, TrainConfig.load(quickstart).plugins)

    result = run("tools/evaluate.py", f"--workdir={workdir}", f"--arch=max,{arch}")
    assert result.returncode == 0, result.stderr[-2000:]
    top1_of_max, top1_of_arch = (line.split("top-1")[1] for line in result.stdout.splitlines())
    assert top1_of_max == top1_of_arch

    model = tmp_path / "model.tflite"
    result = run("tools/to_tflite.py", f"--workdir={workdir}", "--arch=max", f"--output={model}")
    assert result.returncode == 0, result.stderr[-2000:]
    assert load_sidecar(model)["arch"] == Arch.load(arch).to_dict()

    result = run("tools/finetune.py", *options)
    assert "Received: checkpoints of ['finetune']. Pass --resume to continue" in _error_line(result)
    result = run("tools/finetune.py", *options, "--resume", "--from_scratch")
    assert "Received: one with another from_scratch. Use another --workdir." in _error_line(result)


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
    assert message in _error_line(result)
    assert "loading TensorFlow" not in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_run_that_is_none_is_named(run: Run, tmp_path: Path) -> None:
    result = run("tools/finetune.py", f"--from={tmp_path}", "--arch=max", "--workdir=unused")
    assert "Train first: python train_main.py" in _error_line(result)


def _error_line(result: subprocess.CompletedProcess) -> str:
    """The one line that a user's error leaves."""
    assert result.returncode == 1, result.stderr[-2000:]
    assert "Traceback" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    return line
