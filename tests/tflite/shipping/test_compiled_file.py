"""A shipped model is compiled for a chip, or stays as it was, with an error that says why."""

import importlib.util
from pathlib import Path

import keras
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.npu import litert_plugins
from ofa_tf.tflite.npu.socs import Soc, split_target
from ofa_tf.tflite.shipping.compiled_file import check_compiled_replaceable, compile_shipped, compiled_path
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.tflite.shipping.sidecar import card_path, load_sidecar

pytestmark = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs `make install-openvino`")


_NORMALIZATION = ((0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def model(subnet: keras.Model, arch: Arch, tmp_path: Path) -> Path:
    path = tmp_path / "m.tflite"
    ship(subnet, arch, path, ExportOptions(target="npu"), ExportData(_NORMALIZATION))
    return path


@pytest.fixture
def intel() -> Soc:
    _, soc = split_target("npu:intel:PTL")
    assert soc is not None
    return soc


def test_what_no_vendor_leaves_is_told(model: Path) -> None:
    assert load_sidecar(model)["left_by_npus"] == {}
    assert "Neural processors: all operators are in the lists" in card_path(model).read_text()


def test_a_compiler_that_fails_changes_nothing(model: Path, intel: Soc) -> None:
    before = {path.name: path.read_bytes() for path in model.parent.iterdir()}
    with pytest.raises(InputError, match=r"has no compiler: .* The model for any processor is written: \S+m\.tflite"):
        compile_shipped(model, intel)
    assert {path.name: path.read_bytes() for path in model.parent.iterdir()} == before


def test_a_compiled_file_is_told_of(
    model: Path, subnet: keras.Model, arch: Arch, intel: Soc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real plug-in, which goes as far as the partitions: they stand for what its compiler would make of them."""
    run_plugin = litert_plugins.run_plugin

    def run_partition(command: str, *arguments: object) -> str:
        del command
        return run_plugin("partition", *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(litert_plugins, "run_plugin", run_partition)
    partitions = compile_shipped(model, intel)
    output = compiled_path(model, intel)
    assert output.name == "m.intel_PTL.tflite"
    assert output.read_bytes()[4:8] == b"TFL3"
    compiled = load_sidecar(model)["compiled"]["intel:PTL"]
    assert compiled["file"] == output.name
    assert compiled["size_bytes"] == output.stat().st_size
    assert compiled["num_taken"] == partitions.num_taken == compiled["num_operators"]
    assert "Compiled for intel:PTL: `m.intel_PTL.tflite`" in card_path(model).read_text()

    # Another export knows it, and does not leave it beside another model; what somebody changed is left alone.
    check_compiled_replaceable(model, intel)
    content = output.read_bytes()
    output.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"m\.intel_PTL\.tflite to be free, or what an earlier export compiled"):
        check_compiled_replaceable(model, intel)
    output.write_bytes(content)
    ship(subnet, arch, model, ExportOptions(target="npu"), ExportData(_NORMALIZATION))
    assert not output.exists()
    assert "compiled" not in load_sidecar(model)
