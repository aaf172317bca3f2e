"""What the report of a run gathers from its files."""

import dataclasses
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.report.page.contents import ModelReport, ReportData, Section
from ofa_tf.search.predictors.fitted_predictor import fit_predictor
from ofa_tf.space.arch import Arch
from ofa_tf.training.config import PhaseConfig
from ofa_tf.training.finetuning import Finetuning
from ofa_tf.training.phases import FINETUNE, PHASES
from ofa_tf.workflow.report_data import ReportSettings, check_page_replaceable, gather
from ofa_tf.workflow.run import Run
from tests.support.finished_run import (
    LATENCY_OF_MODEL_MS,
    NUM_EPOCHS,
    NUM_GATE_IMAGES,
    NUM_HELD_OUT,
    TOP1_OF_MODEL,
    add_accuracy_table,
    add_front,
    add_latency_table,
    add_model,
    finished_run,
    unfinished_run,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finished_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def data(run: Run) -> ReportData:
    return gather(run)


def _texts(data: ReportData, section: Section) -> str:
    return "\n".join(f"{note.text} {note.command}" for note in data.notes[section])


def _latencies_ms(model: ModelReport) -> list[float]:
    return [measured.latency_ms for measured in model.latencies]


def _add_benchmark(run: Run, name: str, latency_ms: float | None, written_at: float, **facts: object) -> None:
    """Let the model of a finished run be measured once more.

    Args:
        run: The run.
        name: Of the file.
        latency_ms: What was measured; `None`: it did not run.
        written_at: When the file was written, seconds.
        **facts: On what and how.
    """
    path = run.path / name
    measurement = {"model": "models/found_1_int8.tflite", "latency_ms": latency_ms}
    files.write_json(path, "benchmark", {"device": facts, "measurements": [measurement]})
    os.utime(path, (written_at, written_at))


# --- a whole run ---------------------------------------------------------------------


def test_nothing_is_missing_in_a_finished_run(data: ReportData) -> None:
    assert {section: list(notes) for section, notes in data.notes.items() if notes} == {}


def test_the_run_is_described(run: Run, data: ReportData) -> None:
    assert data.run.workdir == str(run.path)
    assert (data.run.space, data.run.dataset) == ("micro", "digits")
    assert data.run.num_subnets == run.space.count(include_image_sizes=True)
    assert data.run.num_measured == 20
    assert data.run.num_finished_phases == data.run.num_phases == len(PHASES)


def test_a_front_has_its_subnets_as_they_are_in_its_file(run: Run, data: ReportData) -> None:
    document = json.loads((run.path / "front.json").read_text())
    (group,) = data.groups
    assert (group.title, group.device, group.precision, group.cost_name) == (
        "front.json",
        "formula",
        "float32",
        "latency_ms",
    )
    assert len(group.subnets) == len(document["entries"])
    for number, (subnet, entry) in enumerate(zip(group.subnets, document["entries"], strict=True)):
        assert subnet.name == f"front.json:{number}"
        assert subnet.arch == Arch.from_dict(entry["arch"])
        assert subnet.cost == entry["costs"]["latency_ms"]
        assert subnet.reported is not None
        assert subnet.reported.top1 == entry["reported_top1"]
        assert subnet.reported.error == entry["reported_standard_error"]
        assert subnet.reported.num_images == entry["num_report_images"]
        assert subnet.estimated is not None
        assert subnet.estimated.error == entry["estimated_standard_deviation"]
        assert f"--arch={run.path / 'front.json'}:{number} " in subnet.export_command
    others = document["other_measurements"]
    assert list(group.other_top1) == [entry["measured_search_top1"] for entry in others]


def test_sizes_of_a_subnet_are_those_of_its_model(run: Run, data: ReportData) -> None:
    subnet = data.groups[0].subnets[0]
    (costs,) = run.predict_costs([subnet.arch], "formula")
    assert subnet.num_macs == costs.num_macs
    assert subnet.size_bytes == costs.size_bytes
    assert subnet.peak_ram_bytes is not None
    assert 0 < subnet.peak_ram_bytes < subnet.size_bytes


def test_the_parts_of_a_subnet_take_its_latency_together(run: Run, data: ReportData) -> None:
    table = LatencyTable.load(run.latency_table_path("formula"))
    model = LatencyModel(run.space, table)
    for subnet in data.groups[0].subnets:
        total_ms = sum(part.latency_ms for part in subnet.part_times)
        assert total_ms == pytest.approx(model.predict(subnet.arch))
        assert [part.part for part in subnet.part_times[1:]] == list(run.space.plain_parts(subnet.arch))


def test_a_device_has_its_networks_held_out(data: ReportData) -> None:
    (device,) = data.devices
    assert device.name == "formula, float32"
    errors = np.array(device.predicted_ms) / np.array(device.measured_ms) - 1
    assert len(errors) == NUM_HELD_OUT
    assert device.quality["mape"] == pytest.approx(np.abs(errors).mean())
    assert data.groups[0].latency_error == device.quality["mape"]
    assert data.groups[0].num_held_out == NUM_HELD_OUT
    assert device.smallest_ms < device.largest_ms


def test_accuracies_are_predicted_by_who_has_not_seen_them(run: Run, data: ReportData) -> None:
    expected = fit_predictor(run.accuracy_table())
    assert data.accuracy is not None
    np.testing.assert_allclose(data.accuracy.predicted_top1, expected.unseen.mean)
    np.testing.assert_allclose(data.accuracy.measured_top1, run.accuracy_table().top1)
    assert data.accuracy.quality.rmse == expected.quality.rmse


def test_phases_have_their_histories_in_order(data: ReportData) -> None:
    assert [phase.name for phase in data.phases] == [phase.name for phase in PHASES]
    assert {len(phase.history) for phase in data.phases} == {NUM_EPOCHS}


def test_a_model_has_its_gate_and_its_latency(data: ReportData) -> None:
    (model,) = data.models
    assert model.file == "models/found_1_int8.tflite"
    assert model.agreement == 0.98
    (latency,) = model.latencies
    assert (latency.latency_ms, latency.device) == (LATENCY_OF_MODEL_MS, "formula")
    assert (latency.low_ms, latency.high_ms) == (LATENCY_OF_MODEL_MS - 0.01, LATENCY_OF_MODEL_MS + 0.01)
    assert model.accuracy is not None
    assert model.accuracy.top1 == TOP1_OF_MODEL
    expected_error = math.sqrt(TOP1_OF_MODEL * (1 - TOP1_OF_MODEL) / NUM_GATE_IMAGES)
    assert model.accuracy.error == pytest.approx(expected_error, rel=0.02)
    assert not model.is_plain


def test_an_ordinary_network_is_told_by_its_sidecar_and_not_by_its_name(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    for name in ("ordinary", "plain_keras_v2"):
        add_model(run, name)
    sidecar = run.path / "models" / "ordinary.json"
    facts = files.read_json(sidecar, "tflite_model")
    del facts["schema"]
    files.write_json(sidecar, "tflite_model", {**facts, "is_plain": True})
    are_plain = {model.file: model.is_plain for model in gather(run).models}
    assert are_plain == {"models/ordinary.tflite": True, "models/plain_keras_v2.tflite": False}


@pytest.mark.parametrize(
    ("name", "is_its"),
    [
        ("runs/mine/models/found_1_int8.tflite", True),  # as tools/benchmark.py calls it
        ("models/found_1_int8.tflite", True),
        ("found_1_int8.tflite", True),
        ("../found_1_int8.tflite", True),
        ("others/found_1_int8.tflite", False),
        ("models/found_1.tflite", False),
        ("found_1", False),
    ],
)
def test_a_benchmark_may_call_a_model_by_its_path(name: str, is_its: bool, tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    document = json.loads(run.benchmark_path.read_text())
    document["measurements"][0]["model"] = name
    run.benchmark_path.write_text(json.dumps(document))
    (model,) = gather(run).models
    assert _latencies_ms(model) == ([LATENCY_OF_MODEL_MS] if is_its else [])


# --- several devices, and what was found within limits --------------------------------


def test_latencies_by_other_tables_stand_beside_each_other(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    add_latency_table(run, "other")
    add_front(run, run.path / "fronts" / "second.json", device="other")
    data = gather(run)
    assert {device.name for device in data.devices} == {"formula, float32", "other, float32"}
    by_title = {group.title: group for group in data.groups}
    assert set(by_title["front.json"].subnets[0].elsewhere_ms) == {"other, float32"}
    assert set(by_title["fronts/second.json"].subnets[0].elsewhere_ms) == {"formula, float32"}

    named = gather(run, ReportSettings(fronts=[run.path / "fronts" / "second.json"]))
    assert [group.title for group in named.groups] == ["fronts/second.json"]


def test_a_benchmark_that_has_the_hash_of_a_model_is_of_that_model_alone(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    document = json.loads(run.benchmark_path.read_text())
    measurement = document["measurements"][0]
    sidecar_path = run.model_path("found_1", "int8").with_suffix(".json")
    sidecar = json.loads(sidecar_path.read_text())
    sidecar_path.write_text(json.dumps({**sidecar, "sha256": "its own"}))

    measurement["model_sha256"] = "that of an earlier model of this name"
    run.benchmark_path.write_text(json.dumps(document))
    (model,) = gather(run).models
    assert _latencies_ms(model) == []

    measurement |= {"model": "elsewhere/renamed.tflite", "model_sha256": "its own"}
    run.benchmark_path.write_text(json.dumps(document))
    (model,) = gather(run).models
    assert _latencies_ms(model) == [LATENCY_OF_MODEL_MS]


@pytest.mark.parametrize("sha256", ["of the elastic file", None])
def test_models_of_an_elastic_file_have_each_its_gate_and_latency(sha256: str | None, tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    single_path = run.model_path("found_1", "int8").with_suffix(".json")
    single = json.loads(single_path.read_text())
    small = {**single, "gate": {**single["gate"], "top1": 0.25}, "arch": run.space.smallest().to_dict()}
    of_file = {"model": "elastic.tflite", "sha256": sha256, "size_bytes": 1_000_000, "quantization": "int8"}
    signatures = {"small": small, "large": single}
    files.write_json(run.path / "elastic.json", "elastic_model", {**of_file, "signatures": signatures})
    benchmark = json.loads(run.benchmark_path.read_text())
    for number, signature in enumerate(signatures):
        measurement = {"model": f"run/elastic.tflite:{signature}", "latency_ms": number + 1.0, "model_sha256": sha256}
        benchmark["measurements"].append(measurement)
    run.benchmark_path.write_text(json.dumps(benchmark))

    models = {model.file: model for model in gather(run).models}
    assert set(models) == {"models/found_1_int8.tflite", "elastic.tflite:small", "elastic.tflite:large"}
    assert _latencies_ms(models["elastic.tflite:small"]) == [1.0]
    assert _latencies_ms(models["elastic.tflite:large"]) == [2.0]
    assert _latencies_ms(models["models/found_1_int8.tflite"]) == [LATENCY_OF_MODEL_MS]
    model = models["elastic.tflite:small"]
    assert model.accuracy is not None
    assert (model.accuracy.top1, model.arch, model.size_bytes) == (0.25, run.space.smallest(), 1_000_000)


def test_a_model_has_the_newest_latency_of_each_device_and_way_to_use_it(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    run.benchmark_path.unlink()
    _add_benchmark(run, "b.json", 2.0, 200, device="host", num_threads=1)
    _add_benchmark(run, "c.json", 2.5, 100, device="host", num_threads=1)
    _add_benchmark(run, "a.json", 1.0, 300, device="host", num_threads=4)
    _add_benchmark(run, "d.json", 8.0, 50, device="adb:phone", num_threads=1)
    _add_benchmark(run, "e.json", 4.0, 60, device="adb:phone", num_threads=1, delegate="gpu")
    _add_benchmark(run, "f.json", None, 400, device="host", num_threads=1)
    (model,) = gather(run).models
    assert _latencies_ms(model) == [1.0, 2.0, 4.0, 8.0]
    places = [(measured.device, measured.num_threads) for measured in model.latencies]
    assert places == [("host", 4), ("host", 1), ("adb:phone", 1), ("adb:phone", 1)]


def test_error_and_times_of_subnets_are_those_of_one_of_several_tables_of_a_device(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    path = run.latency_table_path("formula")
    document = json.loads(path.read_text())
    document["overhead_ms"] += 1.0
    document["calibration"]["held_out"]["report"]["mape"] = 0.77
    path.with_name("z_with_other_threads.json").write_text(json.dumps(document))

    data = gather(run)
    tables = {table.quality["mape"]: LatencyTable.load(run.path / table.file) for table in data.devices}
    assert len(tables) == 2
    (group,) = data.groups
    table = tables[group.latency_error]
    for subnet in group.subnets:
        overhead, *_ = subnet.part_times
        expected = LatencyModel(run.space, table).latency_by_part(subnet.arch)
        assert overhead.latency_ms == pytest.approx(next(iter(expected.values())))


def test_archs_that_were_found_within_limits_are_a_group(run: Run, tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    (run.path / "front.json").unlink()
    notes = {
        "predicted_top1": 0.7,
        "predicted_standard_deviation": 0.01,
        "device": "formula",
        "precision": "float32",
    }
    for name, arch, latency_ms in (("b", run.space.smallest(), 1.0), ("a", run.space.largest(), 2.0)):
        arch.save(run.arch_path(name), {**notes, "costs": {"latency_ms": latency_ms}})
    run.space.largest().save(run.arch_path("written_by_hand"))
    data = gather(run)
    (group,) = data.groups
    assert not group.is_front
    assert [subnet.name for subnet in group.subnets] == ["archs/b.json", "archs/a.json"]
    assert group.subnets[0].best_known is not None
    assert "There is no front yet" in _texts(data, Section.SUBNETS)


@pytest.mark.parametrize(("precision", "option"), [("int8", " --precision=int8 "), ("float32", "--front --workdir=")])
def test_the_command_for_a_front_goes_by_the_latency_table_that_is_there(
    tmp_path: Path, precision: str, option: str
) -> None:
    run = finished_run(tmp_path / "run")
    for file in [*run.path.glob("latency_tables/*"), *run.path.glob("fronts/*"), *run.path.glob("front*.json")]:
        file.unlink()
    add_latency_table(run, precision=precision)
    text = _texts(gather(run), Section.SUBNETS)
    assert "There is no front yet" in text
    assert option in text


def test_the_latency_of_a_shipped_model_is_that_of_its_subnet(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")  # with an int8 model of the largest subnet
    for name, arch, precision in (
        ("shipped", run.space.largest(), "int8"),
        ("in_another_precision", run.space.largest(), "float32"),
        ("another", run.space.smallest(), "int8"),
    ):
        arch.save(run.arch_path(name), {"costs": {"macs": 1.0}, "device": "formula", "precision": precision})
    found = {}
    for group in gather(run).groups:
        for subnet in group.subnets:
            found[subnet.name] = subnet.measured_ms
    assert found["archs/shipped.json"] == LATENCY_OF_MODEL_MS
    assert found["archs/in_another_precision.json"] is None
    assert found["archs/another.json"] is None


@pytest.mark.parametrize(
    ("facts", "is_its"),
    [
        ({"num_threads": 1}, True),
        ({"num_threads": 4}, False),
        ({}, True),  # of an earlier version
        ({"num_threads": 1, "delegate": "XNNPACK", "cpu_mask": None, "runtime_sha256": "1"}, True),
        ({"num_threads": 1, "delegate": "gpu"}, False),
        ({"num_threads": 1, "cpu_mask": "f0"}, False),
        ({"num_threads": 1, "runtime_sha256": "2"}, False),
        ({"num_threads": 1, "os_build": "renewed"}, True),
    ],
)
def test_a_latency_stands_beside_predictions_of_the_same_device_and_way_to_use_it(
    tmp_path: Path, facts: dict[str, object], is_its: bool
) -> None:
    run = finished_run(tmp_path / "run")
    run.benchmark_path.unlink()
    table = add_latency_table(run, precision="int8")
    of_table = {"delegate": "XNNPACK", "cpu_mask": None, "runtime_sha256": "1"}
    assert table.device["num_threads"] == 1
    dataclasses.replace(table, device={**table.device, **of_table}).save(run.latency_table_path("formula", "int8"))
    notes = {"costs": {"latency_ms": 1.0}, "device": "formula", "precision": "int8"}
    run.space.largest().save(run.arch_path("shipped"), notes)
    _add_benchmark(run, "a.json", 3.0, 100, device="formula", **facts)
    data = gather(run)
    (subnet,) = data.groups[-1].subnets
    assert subnet.measured_ms == (3.0 if is_its else None)
    assert _latencies_ms(data.models[0]) == [3.0]


def test_without_a_latency_table_the_latency_of_a_subnet_is_that_with_one_thread(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")  # with a table of another precision
    run.benchmark_path.unlink()
    run.space.largest().save(
        run.arch_path("shipped"), {"costs": {"macs": 1.0}, "device": "formula", "precision": "int8"}
    )
    _add_benchmark(run, "a.json", 1.0, 300, device="formula", num_threads=4)
    _add_benchmark(run, "b.json", 1.5, 250, device="other", num_threads=1)
    _add_benchmark(run, "d.json", 2.0, 225, num_threads=1)  # nobody knows where
    _add_benchmark(run, "c.json", 3.0, 200, device="formula", num_threads=1)
    (subnet,) = gather(run).groups[-1].subnets
    assert subnet.measured_ms == 3.0


@pytest.mark.parametrize("content", ["", "{", '{"schema": "ofa'])
def test_a_file_that_is_empty_or_cut_off_at_its_beginning_is_named(content: str, tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    archs = run.path / "archs"
    archs.mkdir()
    (archs / "found_1.json").write_text(content)
    (archs / "mine.json").write_text("[1, 2]")  # another program's
    notes = [note.text for note in gather(run).notes[Section.SUBNETS]]
    assert (
        f"{archs / 'found_1.json'} was left out: it is empty or damaged. Put it back from a copy, or remove it."
        in notes
    )
    assert not any("mine.json" in text for text in notes)


# --- runs of other kinds ------------------------------------------------------------------


def test_imported_weights_have_no_phases_to_finish(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    dataclasses.replace(run.config, phases={}).save()
    data = gather(Run(run.path))
    assert data.run.num_phases == 0
    assert data.notes[Section.TRAINING] == []


def test_logs_are_shown_where_there_are_some(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    assert gather(run).run.logs_command == ""
    (run.path / "logs").mkdir()
    assert gather(run).run.logs_command == f"python -m tensorboard.main --logdir={run.path}/logs"


def test_a_subnet_trained_alone_has_nothing_to_search_for(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    finetuning = Finetuning(run.space.smallest(), run="runs/supernet")
    phases = {FINETUNE.name: PhaseConfig(epochs=1, learning_rate=0.1)}
    dataclasses.replace(run.config, phases=phases, finetuning=finetuning).save()
    data = gather(Run(run.path))
    assert data.run.num_subnets == 1
    assert data.notes[Section.SUBNETS] == []
    assert "There is one subnet" in _texts(data, Section.PREDICTIONS)
    assert "phases that are left: finetune" in _texts(data, Section.TRAINING)


# --- what is missing, or wrong ----------------------------------------------------------


def test_what_is_missing_is_said_with_the_command_that_makes_it(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    data = gather(run, ReportSettings(plugins=["own.py"]))
    common = f"--plugins=own.py --workdir={run.path}"
    assert f"python tools/search.py --front {common} --output=" in _texts(data, Section.SUBNETS)
    assert f"python tools/build_latency_table.py --device=host {common}" in _texts(data, Section.DEVICES)
    assert f"python tools/build_accuracy_table.py {common}" in _texts(data, Section.PREDICTIONS)
    assert f"python train_main.py --phase=all --resume {common}" in _texts(data, Section.TRAINING)
    assert "phases that are left: kernel, depth_1" in _texts(data, Section.TRAINING)
    assert f"python tools/to_tflite.py --arch=max {common}" in _texts(data, Section.MODELS)
    assert data.groups == []
    assert data.accuracy is None


def test_a_run_without_a_supernet_has_a_report(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    (run.path / "supernet.keras").unlink()
    data = gather(run)
    assert data.run.num_classes is None
    assert "Expected a trained supernet" in _texts(data, Section.TRAINING)


def test_a_small_table_is_said_to_be_small(tmp_path: Path) -> None:
    run = unfinished_run(tmp_path / "run")
    add_accuracy_table(run, 5)
    data = gather(run)
    assert data.accuracy is None
    assert data.run.num_measured == 5
    assert "The accuracy table has 5 subnets" in _texts(data, Section.PREDICTIONS)


def test_damaged_files_are_left_out_and_named(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    front = json.loads((run.path / "front.json").read_text())
    front["entries"][0]["arch"]["depths"] = [9, 9]
    files.write_json(run.path / "spoilt_front.json", "front", front)
    files.write_json(run.path / "archs" / "spoilt.json", "arch", {"notes": {"costs": {"macs": 1.0}}})
    files.write_json(run.path / "models" / "spoilt.json", "tflite_model", {"model": "spoilt.tflite"})
    files.write_json(run.path / "latency_tables" / "spoilt.json", "latency_table", {})
    (run.path / "checkpoints" / "full" / "step_00000012_finished" / "checkpoint.json").write_text("{")
    data = gather(run)
    assert len(data.groups) == len(data.devices) == len(data.models) == 1
    assert len(data.phases) == len(PHASES) - 1
    assert "spoilt_front.json was left out: Expected" in _texts(data, Section.SUBNETS)
    assert "spoilt.json was left out: it is not as it was written" in _texts(data, Section.SUBNETS)
    assert "models/spoilt.json was left out" in _texts(data, Section.MODELS)
    assert "latency_tables/spoilt.json" in _texts(data, Section.DEVICES)
    assert "checkpoint.json" in _texts(data, Section.TRAINING)


def test_a_family_is_called_one(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    document = json.loads((run.path / "front.json").read_text())
    document["family"] = {"file_bytes": 1234567, "max_file_bytes": None}
    files.write_json(run.path / "family.json", "front", document)
    titles = [group.title for group in gather(run).groups]
    assert "family.json, a family in one file of 1,234,567 bytes" in titles
    assert "front.json" in titles


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("model", ""),
        ("model", "elsewhere/found_1_int8.tflite"),
        ("gate", "passed"),
        ("gate", {"agreement": "98%"}),
        ("gate", {"num_partitions": [1]}),
        ("arch", "largest"),
        ("size_bytes", "820 kB"),
        ("image_size", None),
        ("image_size", math.inf),
        ("remedies", 1),
    ],
)
def test_a_sidecar_with_something_else_in_an_entry_is_left_out(tmp_path: Path, entry: str, value: object) -> None:
    run = finished_run(tmp_path / "run")
    path = run.model_path("found_1", "int8").with_suffix(".json")
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, entry: value}))
    data = gather(run)
    assert data.models == []
    assert f"{path} was left out: it is not as it was written" in _texts(data, Section.MODELS)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("device", "formula"),
        ("device", {"device": "formula", "num_threads": "four"}),
        ("measurements", [1]),
        ("measurements", 1),
        ("measurements", [{}]),
        ("measurements", [{"model": "found_1_int8", "latency_ms": "short"}]),
    ],
)
def test_a_benchmark_with_something_else_in_an_entry_is_left_out(tmp_path: Path, entry: str, value: object) -> None:
    run = finished_run(tmp_path / "run")
    document = json.loads(run.benchmark_path.read_text())
    run.benchmark_path.write_text(json.dumps({**document, entry: value}))
    data = gather(run)
    (model,) = data.models
    assert _latencies_ms(model) == []
    assert f"{run.benchmark_path} was left out: it is not as it was written" in _texts(data, Section.MODELS)


def test_a_latency_table_of_another_number_of_classes_is_left_out(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    path = run.latency_table_path("formula")
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "num_classes": 99}))
    data = gather(run)
    assert data.devices == []
    assert "of networks with 99 classes" in _texts(data, Section.DEVICES)


def test_a_front_that_is_not_there_is_refused(run: Run) -> None:
    with pytest.raises(InputError, match=r"Received: nowhere\.json, which is no file"):
        gather(run, ReportSettings(fronts=[Path("nowhere.json")]))


def test_where_there_is_no_run_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Train first"):
        gather(Run(tmp_path))


def test_a_file_that_is_no_report_is_not_replaced(tmp_path: Path) -> None:
    notes = tmp_path / "notes.html"
    notes.write_text("<!DOCTYPE html>\n<html><body>mine</body></html>\n")
    with pytest.raises(InputError, match=r"notes\.html to be free, or an older report\. Received: another file"):
        check_page_replaceable(notes)
    (tmp_path / "empty.html").touch()
    check_page_replaceable(tmp_path / "empty.html")
    check_page_replaceable(tmp_path / "missing.html")
