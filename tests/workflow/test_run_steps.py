"""What is done with a finished run, one step after the other, on one that an earlier version trained."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.folder_lock import locked_file
from ofa_tf.devices.device_facts import DeviceFacts
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.search.constraints import Limits
from ofa_tf.search.evolution import EvolutionSettings
from ofa_tf.space.costs import num_macs
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.metadata import read_metadata
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.tflite.shipping.origin import Origin
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from ofa_tf.workflow.latency import held_out_report
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from ofa_tf.workflow.run import Run
from ofa_tf.workflow.search import SearchSettings
from tests.support.formula_device import FormulaDevice
from tests.support.repository import FIXTURES
from tests.support.spaces import MICRO

_OF_PIXELS = ModelForm.of_names("float32", input_type="uint8")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(shutil.copytree(FIXTURES / "earlier_state", tmp_path / "run"))


@pytest.fixture(scope="module")
def measured_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with an accuracy table and the latency table of a device."""
    run = Run(shutil.copytree(FIXTURES / "earlier_state", tmp_path_factory.mktemp("measured") / "run"))
    run.build_accuracy_table(10)
    run.build_latency_table(FormulaDevice(), LatencyTableSettings(num_networks=4, num_held_out=2))
    return run


def test_a_latency_table_is_measured_calibrated_and_plotted(measured_run: Run) -> None:
    path = measured_run.path / "latency_tables" / "formula_float32.json"
    table = LatencyTable.load(path, MICRO)
    assert table.overhead_ms == 0.25
    stem_size = MICRO.image_sizes[0]
    assert table.latency_ms("stem", stem_size) == pytest.approx(FormulaDevice.piece_ms("stem", stem_size))
    assert table.calibration is not None
    assert len(table.calibration["archs"]) == 4
    assert held_out_report(table)["num_archs"] == 2
    plot = path.with_suffix(".svg").read_text()
    assert "micro on formula, float32: 2 random networks" in plot
    assert not path.with_suffix(".part.json").exists()


def test_a_search_keeps_to_the_latencies_that_a_device_s_table_predicts(measured_run: Run) -> None:
    device = FormulaDevice()
    model = measured_run.latency_model(device)
    table = LatencyTable.load(measured_run.latency_table_path(device), MICRO)
    assert model.predict(MICRO.largest()) == LatencyModel(MICRO, table).predict(MICRO.largest())
    limit_ms = (model.predict(MICRO.smallest()) + model.predict(MICRO.largest())) / 2
    settings = SearchSettings(evolution=EvolutionSettings(20, 10), num_finalists=1)
    found = measured_run.search(Limits(latency_ms=limit_ms), device, settings)
    assert found.device == "formula"
    assert found.costs == {"latency_ms": model.predict(found.arch)}
    assert found.costs["latency_ms"] <= limit_ms
    assert found.measured_top1 == measured_run.measure(found.arch, "search").top1
    assert found.reported_top1 == measured_run.measure(found.arch, "report").top1


def test_a_missing_latency_table_of_another_precision_is_told_of(measured_run: Run) -> None:
    with pytest.raises(
        InputError, match=r"formula_int8.json.*There is one of float32 models: --precision=float32 takes "
    ):
        measured_run.check_tables(True, FormulaDevice(), "int8")


def test_a_latency_table_is_measured_by_one_program_at_a_time(measured_run: Run) -> None:
    device = FormulaDevice()
    path = measured_run.latency_table_path(device)
    before = path.read_bytes()
    with (
        locked_file(path),
        pytest.raises(InputError, match=f"Expected {path} to have one writer at a time"),
    ):
        measured_run.build_latency_table(device, LatencyTableSettings(num_networks=4, num_held_out=2))
    assert path.read_bytes() == before
    assert not device.models


def test_latency_tables_tell_of_models_like_theirs_only(measured_run: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(measured_run.path, tmp_path / "run"))
    arch = MICRO.largest()
    run.latency_table_path("host").unlink()
    path = run.latency_table_path("formula")
    table = LatencyTable.load(path, MICRO)
    phone = {**table.device, "device": "adb:1.2.3.4:5", "serial": "1.2.3.4:5", "hardware_serial": "abc", "model": "P"}
    dataclasses.replace(table, device=phone, calibration=None).save(run.latency_table_path("adb:1.2.3.4:5"))
    dataclasses.replace(table, precision="int8").save(run.latency_table_path("formula", "int8"))
    dataclasses.replace(table, num_classes=99).save(path.with_name("other.json"))
    path.with_name("damaged.json").write_text("{}")
    dataclasses.replace(table, calibration={"scale": 1.0}).save(path.with_name("earlier.json"))
    dataclasses.replace(table, entries={}).save(path.with_name("incomplete.json"))
    path.with_name("unfinished.part.json").write_text("{}")

    of_phone, of_formula = run.predict_latencies(arch, ExportOptions())
    assert of_formula["latency_ms"] == run.latency_model(FormulaDevice()).predict(arch)
    assert of_formula["mean_error"] == held_out_report(table)["mape"]
    assert (of_formula["device"]["device"], of_formula["precision"]) == ("formula", "float32")
    assert of_phone["device"]["device"] == "adb"
    assert of_phone["device"]["model"] == "P"
    assert not {"serial", "hardware_serial"} & of_phone["device"].keys()
    assert "1.2.3.4" not in json.dumps(of_phone)
    assert of_phone["mean_error"] is None
    assert run.predict_latencies(arch, ExportOptions(lowering="none")) == []
    assert run.predict_latencies(arch, ExportOptions("float16")) == []
    assert run.predict_latencies(arch, ExportOptions(target="gpu")) == []
    (of_pixels,) = run.predict_latencies(arch, ExportOptions(input_type="uint8"))[1:]
    assert of_pixels["latency_ms"] == run.latency_model(FormulaDevice(), _OF_PIXELS).predict(arch)
    assert of_pixels["latency_ms"] != of_formula["latency_ms"]


class _OnPaper(FormulaDevice):
    """A device that says what runs its models."""

    def describe(self) -> DeviceFacts:
        return dataclasses.replace(super().describe(), delegate="paper")


def test_each_target_has_a_table_of_its_own(
    measured_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(shutil.copytree(measured_run.path, tmp_path / "run"))
    device = _OnPaper()
    settings = LatencyTableSettings(num_networks=4, num_held_out=2, target="gpu")
    table = run.build_latency_table(device, settings)
    assert (
        "formula runs models for gpu with paper: their latencies there tell nothing of the GPU"
        in capsys.readouterr().err
    )
    assert run.latency_table_path(device, settings.form) == tmp_path / "run/latency_tables/formula_gpu_float32.json"
    assert (table.target, table.lowering) == ("gpu", ("fold_batch_norm", "hard_sigmoid"))
    (prediction,) = run.predict_latencies(MICRO.largest(), ExportOptions(target="gpu"))
    assert prediction["target"] == "gpu"
    limit_ms = run.latency_model(device, settings.form).predict(MICRO.largest())
    search = SearchSettings(evolution=EvolutionSettings(20, 10), num_finalists=1, target="gpu")
    found = run.search(Limits(latency_ms=limit_ms), device, search)
    assert (found.target, found.precision) == ("gpu", "float32")
    assert found.notes()["target"] == "gpu"
    # The table for the same target comes first, though that for the CPU is there, too.
    with pytest.raises(InputError, match=r"float32 models: --target=gpu --precision=float32 takes it"):
        run.check_tables(True, device, ModelForm.of_names("float16", "gpu"))
    with pytest.raises(InputError, match=r"float32 models: --target=cpu --precision=float32 takes it"):
        run.check_tables(True, device, ModelForm.of_names("int8", "npu"))


def test_a_shipped_model_says_where_it_comes_from(measured_run: Run, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    origin = Origin(command="python tools/to_tflite.py", search={"reported_top1": 0.5})
    measured_run.export(MICRO.smallest(), path, ExportOptions(), origin=origin)
    facts = load_sidecar(path)
    assert facts["command"] == "python tools/to_tflite.py"
    assert facts["search"] == {"reported_top1": 0.5}
    assert facts["predicted_latencies"] == measured_run.predict_latencies(MICRO.smallest(), ExportOptions())
    assert "formula" in [entry["device"]["device"] for entry in facts["predicted_latencies"]]
    source = measured_run.source
    unfinished = ["kernel", "depth_1", "depth_2", "width_1", "width_2"]
    assert facts["data_set"] == {
        "name": source.name,
        "num_train_images": source.num_examples("train"),
        "unfinished_phases": unfinished,
    }
    preprocessing = {"crop_fraction": None, "resize": "bilinear, antialiased", "color_order": "RGB"}
    assert facts["preprocessing"] == preprocessing
    assert read_metadata(path)["preprocessing"] == preprocessing
    assert "command" not in read_metadata(path)  # which may name the user's folders


def test_found_subnets_are_measured_as_the_latency_table_was(measured_run: Run, tmp_path: Path) -> None:
    device = FormulaDevice()
    archs = [MICRO.smallest(), MICRO.largest()]
    path = tmp_path / "table.json"
    table = LatencyTable.load(measured_run.latency_table_path(device), MICRO)
    dataclasses.replace(table, device={**table.device, "num_threads": 3}).save(path)
    costs = measured_run.measure_costs(archs, device, latency_table=path)
    assert device.settings is not None
    assert device.settings.num_threads == 3
    model = measured_run.latency_model(device)
    for cost, arch, sent in zip(costs, archs, device.models, strict=True):
        assert cost.device == "formula"
        assert cost.num_macs == num_macs(MICRO, arch, measured_run.num_classes)
        assert cost.size_bytes > len(sent.content)  # what is shipped has metadata besides
        assert cost.latency_ms == model.predict(arch)
        assert cost.measured_ms == pytest.approx(0.25 + FormulaDevice.network_ms(sent))
        assert cost.to_dict()["measured_latency_ms"] == cost.measured_ms

    dataclasses.replace(table, device={**table.device, "cpu_mask": "f0"}).save(path)
    with pytest.raises(InputError, match=r"run with cpu_mask=None, .* Received: cpu_mask='f0'"):
        measured_run.measure_costs(archs, device, latency_table=path)
    (predicted,) = measured_run.predict_costs(archs[:1], device)
    assert predicted == dataclasses.replace(costs[0], measurement=None)


def test_a_subnet_is_measured_and_shipped(run: Run) -> None:
    arch = MICRO.smallest()
    path = run.model_path("smallest", "float")
    facts = run.export(arch, path, ExportOptions(max_accuracy_drop=1.0))
    assert facts["path"] == str(run.path / "models" / "smallest_float.tflite")
    assert facts["top1"] == pytest.approx(run.evaluate(arch))
    assert facts["num_macs"] == num_macs(MICRO, arch, TFLiteModel(path).num_classes)


def test_a_subnet_that_breaks_a_limit_is_not_shipped(run: Run, tmp_path: Path) -> None:
    arch = MICRO.smallest()
    small, large = str(tmp_path / "small.tflite"), str(tmp_path / "large.tflite")
    options = ExportOptions(max_accuracy_drop=1.0)
    limits = {"size_bytes": 1000.0}

    exported: list[dict[str, Any]] = []
    (fault,) = run.export_all({small: arch, large: arch}, options, exported.append, {large: limits})
    assert "keep within the limits of the search that found it. Received: size_bytes=" in fault
    assert [facts["path"] for facts in exported] == [small]
    assert not Path(large).exists()


def test_what_cannot_be_measured_or_shipped_is_told_before_the_supernet_is_loaded(run: Run, tmp_path: Path) -> None:
    (run.path / "supernet.keras").unlink()
    other_arch = dataclasses.replace(MICRO.smallest(), space="another")
    with pytest.raises(InputError, match=r"Expected an arch of the search space 'micro'. Received: one of 'another'"):
        run.evaluate(other_arch)
    with pytest.raises(InputError, match=r"Received: one of 'another'"):
        run.export(other_arch, tmp_path / "model.tflite")
    with pytest.raises(InputError, match=r"to end in .tflite. Received: .*model.onnx"):
        run.export(MICRO.smallest(), tmp_path / "model.onnx")


def test_a_run_shows_its_folder(tmp_path: Path) -> None:
    assert repr(Run(tmp_path)) == f"Run('{tmp_path}')"


def test_an_accuracy_table_is_checked_before_the_supernet_is_loaded(run: Run) -> None:
    (run.path / "supernet.keras").unlink()
    with pytest.raises(InputError, match=r"Received: num_archs=0"):
        run.build_accuracy_table(0)
    run.accuracy_table_path.write_text('{"schema": "ofa_tf/accuracy_table/1"}\n')
    with pytest.raises(InputError, match=r"Expected line 1 of .* to be the head of an accuracy table"):
        run.build_accuracy_table(20)


def test_loading_a_run_checks_that_its_supernet_and_its_data_set_fit(run: Run) -> None:
    assert run.load() is run.evaluator
    (run.path / "supernet.keras").unlink()
    with pytest.raises(InputError, match=r"Expected a trained supernet at .*supernet.keras"):
        Run(run.path).load()


def test_the_files_of_a_run_have_fixed_names(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.accuracy_table_path == tmp_path / "accuracy_table.jsonl"
    assert run.latency_table_path("adb:1.2.3.4:5", "int8").parent == tmp_path / "latency_tables"
    assert run.latency_table_path(FormulaDevice()) == tmp_path / "latency_tables" / "formula_float32.json"
    assert run.latency_table_path("host", latency_table="mine.json") == Path("mine.json")
    assert run.arch_path("found_1") == tmp_path / "archs" / "found_1.json"
    assert run.model_path("found_1", "int8") == tmp_path / "models" / "found_1_int8.tflite"
    assert run.benchmark_path == tmp_path / "benchmark.json"
    assert run.summary_path == tmp_path / "summary.json"
