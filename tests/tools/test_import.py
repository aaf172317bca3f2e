"""Published weights, as users import them and go on."""

import json
import pickle
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_tf.space.arch import Arch
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from tests.support import parity
from tests.support.images import write_class_folders
from tests.support.spaces import PLUGINS_FLAG, SMALL
from tests.support.without_tensorflow import error_line

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess]


def _ok(result: subprocess.CompletedProcess) -> str:
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "weights.npz"
    np.savez(path, **parity.mobilenet_v3_state_dict(SMALL, 2))
    return path


@pytest.fixture(scope="module")
def imported(run: Run, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of an import."""
    folder = tmp_path_factory.mktemp("an import")
    photos = write_class_folders(folder / "photos", {"ant": 30, "bee": 30})
    options = (
        f"--checkpoint={weights}",
        f"--workdir={folder / 'run'}",
        f"--dataset=folder:{photos}",
        "--num_validation_images=12",
    )
    shown = _ok(run("tools/import_checkpoint.py", "--space=small", PLUGINS_FLAG, *options))
    assert "with 2 classes" in shown
    command = shlex.join(["python", "tools/evaluate.py", PLUGINS_FLAG, f"--workdir={folder / 'run'}", "--arch=max"])
    assert f"Next: {command}\n" in shown
    assert "validation images: 12 of the training images, which the network has been trained with" in shown
    return folder / "run"


@pytest.mark.long
def test_an_import_is_evaluated_searched_and_shipped_like_a_trained_network(
    run: Run, imported: Path, tmp_path: Path
) -> None:
    workdir, arch, model = f"--workdir={imported}", tmp_path / "arch.json", tmp_path / "model.tflite"
    assert "  12\n" in _ok(run("tools/evaluate.py", workdir, "--arch=max"))
    _ok(run("tools/build_accuracy_table.py", workdir, "--num_archs=10"))
    _ok(run("tools/search.py", workdir, "--max_macs=2e6", "--num_generations=20", f"--output={arch}"))
    _ok(run("tools/to_tflite.py", workdir, f"--arch={arch}", f"--output={model}"))
    assert load_sidecar(model)["arch"] == Arch.load(arch).to_dict()


def test_an_import_does_not_replace_another_run(run: Run, imported: Path, weights: Path) -> None:
    before = (imported / "supernet.keras").read_bytes()
    result = run(
        "tools/import_checkpoint.py", "--space=small", PLUGINS_FLAG, f"--checkpoint={weights}", f"--workdir={imported}"
    )
    assert f"Expected a new --workdir. Received: {imported}" in error_line(result)
    assert (imported / "supernet.keras").read_bytes() == before


def _copy(weights: Path, folder: Path) -> Path:
    return Path(shutil.copy(weights, folder / "weights.npz"))


def _truncated(weights: Path, folder: Path) -> Path:
    path = folder / "weights.npz"
    path.write_bytes(weights.read_bytes()[:-100])
    return path


def _with_nan(weights: Path, folder: Path) -> Path:
    with np.load(weights) as arrays:
        np.savez(folder / "weights.npz", **{**arrays, "first_conv.bn.weight": np.full(16, np.nan, np.float32)})
    return folder / "weights.npz"


class _Evil:
    def __init__(self, evidence: Path) -> None:
        self._evidence = evidence

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._evidence,))


def _evil(weights: Path, folder: Path) -> Path:
    pytest.importorskip("torch")
    path = folder / "weights.pth"
    path.write_bytes(pickle.dumps({"first_conv.conv.weight": _Evil(folder / "run")}))
    return path


@pytest.mark.parametrize(
    ("space", "make", "message"),
    [
        ("mobilenet_v3_tiny", _copy, "Check that they are of the search space"),
        ("ofa", _copy, "Expected a search space, one of"),
        ("small", _truncated, "to be a complete file"),
        ("small", _with_nan, "NaN or infinity in first_conv.bn.weight"),
        ("small", _evil, "to be a complete file of PyTorch that holds weights only"),
    ],
)
def test_a_failed_import_is_one_clear_line_and_writes_nothing(
    run: Run, weights: Path, tmp_path: Path, space: str, make: Callable[[Path, Path], Path], message: str
) -> None:
    checkpoint, workdir = make(weights, tmp_path), tmp_path / "run"
    options = (f"--space={space}", PLUGINS_FLAG, f"--checkpoint={checkpoint}", f"--workdir={workdir}")
    assert message in error_line(run("tools/import_checkpoint.py", *options))
    assert not workdir.exists()


@pytest.fixture(scope="module")
def specialized(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A specialized network, imported from files as they are published."""
    folder = tmp_path_factory.mktemp("a specialized one")
    description, _ = parity.load("specialized_mobilenet_v3_w1.0_1")
    np.savez(folder / "init.npz", **parity.state_dict(description))
    (folder / "net.config").write_text(json.dumps(description["net_config"]))
    (folder / "run.config").write_text(json.dumps({"image_size": 180}))  # no choice of the space
    output = folder / "model.keras"
    options = (f"--config={folder / 'net.config'}", f"--checkpoint={folder / 'init.npz'}", f"--output={output}")
    shown = _ok(run("tools/import_specialized.py", *options))
    assert "a subnet of mobilenet_v3_w1.0 at 180 px with 1000 classes" in shown
    model = output.with_suffix(".tflite")
    assert f"Next: python tools/to_tflite.py '--model={output}' '--output={model}'\n" in shown
    return output


@pytest.mark.long
def test_a_specialized_network_becomes_a_model_that_is_measured(run: Run, specialized: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    shown = _ok(run("tools/to_tflite.py", f"--model={specialized}", f"--output={model}"))
    assert "test top-1 not measured (no --dataset)" in shown
    assert TFLiteModel(model).image_size == 180
    assert load_sidecar(model)["num_macs"] > 1e8
    assert " ms (median" in _ok(run("tools/benchmark.py", f"--model={model}", "--device=host", "--rounds=2"))


def test_int8_of_a_specialized_network_needs_a_data_set(run: Run, specialized: Path, tmp_path: Path) -> None:
    options = (f"--model={specialized}", f"--output={tmp_path / 'm.tflite'}", "--quantization=int8")
    line = error_line(run("tools/to_tflite.py", *options))
    assert "Expected --dataset with --quantization=int8" in line


@pytest.mark.parametrize("is_whole", [True, False])
def test_weights_that_are_not_those_of_the_description_write_nothing(
    run: Run, specialized: Path, weights: Path, tmp_path: Path, is_whole: bool
) -> None:
    checkpoint = _copy(weights, tmp_path) if is_whole else _truncated(weights, tmp_path)
    (tmp_path / "out").mkdir()
    config = specialized.parent / "net.config"
    options = (f"--config={config}", f"--checkpoint={checkpoint}", f"--output={tmp_path / 'out' / 'm.keras'}")
    line = error_line(run("tools/import_specialized.py", *options))
    assert ("Check that they are of the search space, or of the net.config" if is_whole else "complete file") in line
    assert not list((tmp_path / "out").iterdir())


def test_training_does_not_overwrite_an_import(run: Run, imported: Path) -> None:
    before = (imported / "supernet.keras").read_bytes()
    line = error_line(run("train_main.py", "--phase=full", "--space=small", PLUGINS_FLAG, f"--workdir={imported}"))
    assert "which holds imported weights, and training cannot go on from those" in line
    assert (imported / "supernet.keras").read_bytes() == before


def test_a_run_has_its_own_data_set(run: Run, imported: Path, tmp_path: Path) -> None:
    options = (f"--workdir={imported}", "--arch=max", "--dataset=digits", f"--output={tmp_path / 'm.tflite'}")
    assert "Expected --dataset and --data_dir with --model only" in error_line(run("tools/to_tflite.py", *options))


def test_a_description_of_no_known_network_is_refused(run: Run, specialized: Path, tmp_path: Path) -> None:
    document = json.loads((specialized.parent / "net.config").read_text())
    document["blocks"][3]["conv"]["kernel_size"] = 9
    (tmp_path / "net.config").write_text(json.dumps(document))
    options = (f"--config={tmp_path / 'net.config'}", "--checkpoint=x.npz", f"--output={tmp_path / 'm.keras'}")
    line = error_line(run("tools/import_specialized.py", "--image_size=224", *options))
    assert "Expected the net.config of a subnet of one of the spaces" in line
    assert not (tmp_path / "m.keras").exists()
