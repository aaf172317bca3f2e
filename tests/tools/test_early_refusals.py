"""What is wrong with a data set or a run is said at once: as the only line, before TensorFlow is loaded."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_tf.base.folder_lock import locked
from ofa_tf.training.config import TrainConfig

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder whose layout lacks test images; the files need not be images to see that."""
    for name in ("cat", "dog"):
        folder = tmp_path / "photos" / "train" / name
        folder.mkdir(parents=True)
        for index in range(9):
            (folder / f"{index}.jpg").touch()
    return tmp_path / "photos"


def _only_line(result: subprocess.CompletedProcess) -> str:
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize("program", ["train_main.py", "tools/quickstart.py"])
def test_a_training_run_refuses_a_data_set_at_once(program: str, run: Run, photos: Path, tmp_path: Path) -> None:
    options = ("--flagfile=flags/quickstart.cfg", f"--workdir={tmp_path / 'run'}", f"--data_dir={tmp_path / 'tfds'}")
    line = _only_line(run(program, *options, f"--dataset=folder:{photos}"))
    assert "to hold a folder 'test' or 'validation' beside 'train'" in line
    line = _only_line(run(program, *options, "--dataset=nosuchdata"))
    assert "or a name of tensorflow-datasets. Received: 'nosuchdata'" in line
    line = _only_line(run(program, *options, "--dataset=cifar10"))
    assert "Expected the data set 'cifar10' to be prepared in " in line
    assert not (tmp_path / "run").exists()


def test_a_quickstart_refuses_what_would_fail_after_its_training_at_once(run: Run, tmp_path: Path) -> None:
    workdir = f"--workdir={tmp_path / 'run'}"  # without a flagfile, it takes its own
    line = _only_line(run("tools/quickstart.py", workdir, "--max_accuracy_drop=-1"))
    assert "--max_accuracy_drop=-1" in line
    assert "in the range [0, 100]" in line
    line = _only_line(run("tools/quickstart.py", workdir, "--num_archs=9"))
    assert "Expected `num_archs` to be at least 10. Received: num_archs=9" in line
    line = _only_line(run("tools/quickstart.py", workdir, "--precision=int4"))
    assert "--precision=int4" in line
    assert not (tmp_path / "run").exists()


def test_a_fine_tuning_refuses_a_data_set_at_once(run: Run, photos: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    TrainConfig(str(source), dataset=f"folder:{photos}", distillation_weight=0).save()
    options = (f"--from={source}", f"--workdir={tmp_path / 'new'}", "--arch=max", "--from_scratch")
    line = _only_line(run("tools/finetune.py", *options))
    assert "to hold a folder 'test' or 'validation' beside 'train'" in line


def test_an_import_refuses_a_data_set_at_once(run: Run, photos: Path, tmp_path: Path) -> None:
    options = (f"--workdir={tmp_path / 'run'}", "--space=mobilenet_v3_tiny", "--checkpoint=unused")
    line = _only_line(run("tools/import_checkpoint.py", *options, f"--dataset=folder:{photos}"))
    assert "to hold a folder 'test' or 'validation' beside 'train'" in line
    line = _only_line(run("tools/import_checkpoint.py", *options, "--dataset=nosuchdata"))
    assert "or a name of tensorflow-datasets. Received: 'nosuchdata'" in line


def test_an_import_s_data_set_need_not_be_prepared_yet(run: Run, tmp_path: Path) -> None:
    options = (f"--workdir={tmp_path / 'run'}", "--space=mobilenet_v3_tiny", f"--data_dir={tmp_path / 'tfds'}")
    line = _only_line(run("tools/import_checkpoint.py", *options, "--checkpoint=none.npz", "--dataset=cifar10"))
    assert "none.npz" in line
    assert "cifar10" not in line


def test_an_evaluation_of_a_run_in_training_says_to_wait(run: Run, tmp_path: Path) -> None:
    options = (f"--workdir={tmp_path}", "--arch=max")
    with locked(tmp_path):
        line = _only_line(run("tools/evaluate.py", *options))
        assert "train_config.json. Received: no such file. It is being trained by process " in line
        TrainConfig(str(tmp_path)).save()
        line = _only_line(run("tools/evaluate.py", *options))
        assert "supernet.keras. Received: no such file. It is being trained by process " in line
    line = _only_line(run("tools/evaluate.py", *options))
    assert "supernet.keras. Received: no such file. Train one: python train_main.py" in line


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "npu:qualcomm:SM1",
            "Expected a chip that LiteRT compiles for. Received: npu:qualcomm:SM1. Of ",
        ),
        ("npu:nobody:SM8650", "Expected a target, or npu:VENDOR:CHIP with a vendor of "),
        ("npu:qualcomm:SM8650", "Received: no Python module ai_edge_litert_sdk_qualcomm. Install it"),
    ],
)
def test_an_export_refuses_a_chip_at_once(target: str, message: str, run: Run, tmp_path: Path) -> None:
    options = (f"--workdir={tmp_path}", "--arch=max", "--quantization=int8", f"--output={tmp_path / 'm.tflite'}")
    assert message in _only_line(run("tools/to_tflite.py", *options, f"--target={target}"))


def test_a_chip_is_for_exports_only(run: Run, tmp_path: Path) -> None:
    options = (f"--workdir={tmp_path}", "--max_macs=1e6", f"--output={tmp_path / 'arch.json'}")
    line = _only_line(run("tools/search.py", *options, "--target=npu:qualcomm:SM8650"))
    assert "Received: target='npu:qualcomm:SM8650'. Chips are for tools/to_tflite.py" in line
