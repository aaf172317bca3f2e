import dataclasses
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.devices.benchmark_results import load_benchmark
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs, num_params
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.micro_arena import is_micro_installed
from ofa_tf.tflite.shipping.sidecar import load_sidecar
from ofa_tf.training.config import TrainConfig
from tests.support.repository import ROOT
from tests.support.spaces import PLUGINS_FLAG, SMALL
from tests.support.without_tensorflow import error_line

# One process runs them all, also where tests of a file are shared out: the quickstart they need is made once.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("quickstart")]

_TOOLS = sorted(path.name for path in (ROOT / "tools").glob("*.py"))

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def found(run: Run, quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("found") / "arch.json"
    limits = ("--max_macs=2e6", "--max_size_bytes=1e9")
    result = run("tools/search.py", f"--workdir={quickstart}", *limits, f"--output={output}")
    assert result.returncode == 0, result.stderr[-2000:]
    (output.parent / "stdout.txt").write_text(result.stdout)
    return output


def test_search_writes_an_arch_within_its_limit(found: Path) -> None:
    document = json.loads(found.read_text())
    assert document["schema"] == "ofa_tf/arch/1"
    notes = document["notes"]
    assert notes["costs"]["macs"] <= 2e6
    assert notes["num_macs"] == num_macs(SMALL, Arch.load(found), 2)
    assert notes["predictor_quality"]["num_archs"] == 10
    assert notes["measured_latency_ms"] > 0  # the host is measured by default
    told = (found.parent / "stdout.txt").read_text()
    assert told.startswith(f"accuracy predictor ({notes['predictor']}), cross-validated on 10 subnets")
    assert f"latency on host: measured {notes['measured_latency_ms']:.3f} ms" in told
    model = found.with_name("arch_float32.tflite")
    assert f"--arch={found} --quantization=none --output={model}" in told
    SMALL.validate(Arch.load(found))


def test_a_found_arch_becomes_a_measured_model(run: Run, quickstart: Path, found: Path, tmp_path: Path) -> None:
    model, measured = tmp_path / "my model.tflite", tmp_path / "benchmark.json"
    options = (f"--workdir={quickstart}", f"--arch={found}", "--quantization=int8", f"--output={model}")
    result = run("tools/to_tflite.py", *options, "--input_type=uint8", "--max_accuracy_drop=100")
    assert result.returncode == 0, result.stderr[-2000:]
    sidecar = load_sidecar(model)
    assert sidecar["arch"] == Arch.load(found).to_dict()
    assert f"{model.stat().st_size:,} bytes" in result.stdout
    assert f"facts in {model.with_suffix('.json')}, for people in {model.with_suffix('.md')}" in result.stdout
    told = ("tools/to_tflite.py", *options, "--input_type=uint8", "--max_accuracy_drop=100")
    assert sidecar["command"] == shlex.join(["python", *told])
    notes = json.loads(found.read_text())["notes"]
    assert sidecar["search"]["reported_top1"] == notes["reported_top1"]
    card = model.with_suffix(".md").read_text()
    assert f"Top-1 that the search reported, as float32, before this export: {notes['reported_top1']:.2%}" in card
    described = run("tools/to_tflite.py", f"--describe={model}", "--verbose")
    facts = json.loads(described.stdout)
    assert (facts["class_names"], facts["input_type"]) == (["ant", "bee"], "uint8")
    assert facts["lowering"] == ["all"]
    assert facts["input_tensor"]["dtype"] == "uint8"
    assert (facts["input_tensor"]["scale"], facts["input_tensor"]["zero_point"]) == (1, 0)
    assert facts["output_tensor"]["shape"] == [1, 2]
    assert facts["output_tensor"]["name"] == "logits"
    in_short = run("tools/to_tflite.py", f"--describe={model}").stdout
    assert len(in_short.splitlines()) == 10
    assert "the pixels, rounded" in in_short
    assert f"warning: {found} was searched with --precision=float32, but --quantization=int8" in result.stderr

    result = run("tools/benchmark.py", f"--model={model}", "--device=host", f"--output={measured}", "--rounds=3")
    assert result.returncode == 0, result.stderr[-2000:]
    (measurement,) = load_benchmark(measured)
    assert measurement.latency_ms is not None
    assert f"{measurement.latency_ms:.3f} ms" in result.stdout

    result = run("tools/to_tflite.py", f"--card={model}", f"--benchmark={measured}")
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"measured {measurement.latency_ms:.3f} ms (95% confidence interval" in model.with_suffix(".md").read_text()


@pytest.mark.long
def test_a_model_is_fine_tuned_for_int8(run: Run, quickstart: Path, tmp_path: Path) -> None:
    model = tmp_path / "tuned.tflite"
    options = (f"--workdir={quickstart}", "--arch=min", "--quantization=qat", "--qat_epochs=2", f"--output={model}")
    result = run("tools/to_tflite.py", *options, "--max_accuracy_drop=20")
    assert result.returncode == 0, result.stderr[-2000:]
    assert "fine-tuning" in result.stderr
    assert load_sidecar(model)["qat_epochs"] == 2
    assert load_sidecar(model)["quantization"] == "qat"
    assert TFLiteModel(model).input_dtype == np.int8


@pytest.mark.long
def test_a_found_subnet_is_trained_alone_measured_and_exported(run: Run, quickstart: Path, tmp_path: Path) -> None:
    arch = quickstart / "archs" / "found_1.json"
    workdir = tmp_path / "my tuned one"
    options = (f"--from={quickstart}", f"--arch={arch}", f"--workdir={workdir}", "--epochs=1", "--batch_size=8")
    result = run("tools/finetune.py", *options)
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"a subnet of small on folder:{quickstart.parent / 'photos'}" in result.stderr
    assert f"Next: python tools/evaluate.py '--workdir={workdir}' --arch=max\n" in result.stdout
    assert f"Then: python tools/to_tflite.py '--workdir={workdir}' --arch=max --output=model.tflite\n" in result.stdout
    config = TrainConfig.load(workdir)
    assert (config.batch_size, config.plugins) == (8, TrainConfig.load(quickstart).plugins)

    result = run("tools/evaluate.py", f"--workdir={workdir}", f"--arch=max,{arch}")
    assert result.returncode == 0, result.stderr[-2000:]
    _, line_of_max, line_of_arch = result.stdout.splitlines()
    assert line_of_max.split()[1:] == line_of_arch.split()[1:]

    model = tmp_path / "model.tflite"
    result = run("tools/to_tflite.py", f"--workdir={workdir}", "--arch=max", f"--output={model}")
    assert result.returncode == 0, result.stderr[-2000:]
    assert load_sidecar(model)["arch"] == Arch.load(arch).to_dict()

    result = run("tools/finetune.py", *options)
    assert "Received: checkpoints of ['finetune']. Pass --resume to continue" in error_line(result)
    result = run("tools/finetune.py", *options, "--resume", "--from_scratch")
    assert "Received: one with another from_scratch. Use another --workdir." in error_line(result)


def test_evaluate_prints_and_writes_the_accuracy_of_each_arch(run: Run, quickstart: Path, tmp_path: Path) -> None:
    output = tmp_path / "evaluation.json"
    result = run("tools/evaluate.py", f"--workdir={quickstart}", "--arch=random:2", f"--output={output}")
    assert result.returncode == 0, result.stderr[-2000:]
    results = json.loads(output.read_text())["results"]
    assert len(results) == 2
    for entry in results:
        (line,) = [line for line in result.stdout.splitlines() if line.startswith(entry["name"])]
        cells = line.split()[1:]
        arch = Arch.from_dict(entry["arch"])
        assert cells[:2] == [str(arch.image_size), f"{num_macs(SMALL, arch, 2):,}"]
        assert cells[3] == f"{entry['latency_ms']:.3f}"  # the quickstart measured a latency table
        assert cells[4:] == [f"{entry['top1']:.2%}", f"{100 * entry['standard_error']:.2f}", str(entry["num_images"])]
        assert entry["top1"] == entry["num_correct"] / entry["num_images"]
    document = json.loads(output.read_text())
    assert document["split"] == "validation"


def test_an_accuracy_table_is_continued(run: Run, quickstart: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(quickstart, copy)
    before = AccuracyTable.load(copy / "accuracy_table.jsonl", SMALL)
    result = run("tools/build_accuracy_table.py", f"--workdir={copy}", "--num_archs=12")
    assert result.returncode == 0, result.stderr[-2000:]
    after = AccuracyTable.load(copy / "accuracy_table.jsonl", SMALL)
    assert len(after.top1) == 12
    assert after.genes[:10].tolist() == before.genes.tolist()
    assert after.num_correct[:10].tolist() == before.num_correct.tolist()


def test_a_finished_phase_names_the_next_one(run: Run, quickstart: Path) -> None:
    options = (f"--flagfile={quickstart.parent / 'training.cfg'}", f"--workdir={quickstart}", "--resume")
    result = run("train_main.py", *options, "--phase=depth")
    assert result.returncode == 0, result.stderr[-2000:]
    assert "Phase depth_2 was finished before" in result.stdout
    assert "Next: the same command with --phase=width --stage=1" in result.stdout


def test_an_infeasible_budget_names_the_smallest_possible(run: Run, quickstart: Path, tmp_path: Path) -> None:
    output = tmp_path / "arch.json"
    options = (f"--workdir={quickstart}", "--max_latency_ms=0.001", f"--output={output}")
    line = error_line(run("tools/search.py", *options))
    assert "Expected the limit of latency_ms (--max_latency_ms) to be at least 0." in line
    assert "Received: 0.001" in line
    assert not output.exists()


def test_several_limits_are_searched_in_one_call_and_no_subnet_is_measured_twice(
    run: Run, quickstart: Path, tmp_path: Path
) -> None:
    options = (f"--workdir={quickstart}", "--num_generations=5", "--num_finalists=2", "--nomeasure_found")
    result = run("tools/search.py", *options, "--max_macs=2e6,1e12", f"--output={tmp_path / 'found'}")
    assert result.returncode == 0, result.stderr[-2000:]
    for name, limit in (("2000000", 2e6), ("1e+12", 1e12)):
        notes = json.loads((tmp_path / "found" / f"host_macs_{name}.json").read_text())["notes"]
        assert notes["costs"]["macs"] <= limit == notes["limits"]["macs"]
        assert notes["num_report_images"] == 7
        assert f"\n--- host, macs at most {limit:,.0f}\n" in result.stdout
    assert result.stdout.count("on 7 images that nothing was chosen by") == 2
    _, table = result.stdout.split("\n--- all 2 searches, float32 models\n")
    _, first, second, noise = table.splitlines()
    assert first.split()[-1] == str(tmp_path / "found" / "host_macs_2000000.json")
    assert second.split()[-1] == str(tmp_path / "found" / "host_macs_1e+12.json")
    assert noise.startswith("differences of reported accuracies below ")

    (kept,) = (quickstart / "search_measurements").glob("search_float32.*")
    measured = kept.read_text()
    again = run("tools/search.py", *options, "--max_macs=2e6,1e12", f"--output={tmp_path / 'found'}")
    assert again.stdout == result.stdout
    assert kept.read_text() == measured


@pytest.mark.long
def test_one_call_searches_for_two_devices_and_compares_their_archs(run: Run, quickstart: Path, tmp_path: Path) -> None:
    plugins = f"--plugins={ROOT / 'tests' / 'support' / 'own_kinds.py'}"
    workdir = f"--workdir={quickstart}"
    networks = ("--num_networks=4", "--num_held_out=2")
    built = run("tools/build_latency_table.py", plugins, workdir, "--device=board", *networks)
    assert built.returncode == 0, built.stderr[-2000:]
    options = (plugins, workdir, "--num_generations=5", "--num_finalists=2", "--max_latency_ms=99,98")
    result = run("tools/search.py", *options, "--device=host,board", f"--output={tmp_path / 'found'}")
    assert result.returncode == 0, result.stderr[-2000:]
    for device in ("host", "board"):
        for limit in (99, 98):
            path = tmp_path / "found" / f"{device}_latency_ms_{limit}.json"
            notes = json.loads(path.read_text())["notes"]
            assert notes["device"] == device
            assert notes["predicted_latency_ms"] <= limit
            is_measured = notes["measured_latency_ms"] is not None
            assert is_measured == (device == "host")  # a board is not always at hand
            assert f"--arch={path} --quantization=none" in result.stdout
    assert result.stdout.count("accuracy predictor (") == 1
    assert "\n--- all 4 searches, float32 models\n" in result.stdout
    assert result.stdout.count(plugins) == 4  # in the commands that export
    _, comparison = result.stdout.split("--- archs of one device on another: predicted latencies, reported accuracies")
    heading, *rows = comparison.strip().splitlines()
    assert heading.split() == ["on", "budget_ms", "arch", "of", "host", "arch", "of", "board"]
    assert [row.split()[:2] for row in rows[:4]] == [["host", "99"], ["host", "98"], ["board", "99"], ["board", "98"]]
    assert rows[4].startswith("differences below ")
    (kept,) = (quickstart / "search_measurements").glob("search_float32.*")
    lines = kept.read_text().splitlines()
    assert len(set(lines)) == len(lines)


@pytest.fixture(scope="module")
def three_tables(quickstart: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Latency tables of the host with one thread, of the host with two, and of a phone, by factors of the first."""
    folder = tmp_path_factory.mktemp("tables")
    measured = LatencyTable.load(quickstart / "latency_tables" / "host_float32.json")
    assert measured.calibration is not None
    facts = {
        "one": measured.device,
        "two": {**measured.device, "num_threads": 2},
        "phone": {"device": "adb:STANDIN1", "delegate": "xnnpack", "num_threads": 1},
    }
    slowness = {"one": 1.0, "two": 0.5, "phone": 4.0}
    paths = []
    for name, device in facts.items():
        calibration = {**measured.calibration, "scale": slowness[name] * measured.calibration["scale"]}
        path = folder / f"{name}.json"
        dataclasses.replace(measured, device=device, calibration=calibration).save(path)
        paths.append(path)
    return paths


@pytest.mark.long
def test_one_call_searches_for_two_tables_of_the_host_and_for_a_phone(
    run: Run, quickstart: Path, three_tables: list[Path], tmp_path: Path
) -> None:
    found = tmp_path / "found"
    tables = ",".join(map(str, three_tables))
    options = (f"--workdir={quickstart}", "--device=host,host,adb:STANDIN1", f"--latency_table={tables}")
    quickly = ("--num_generations=5", "--num_finalists=2", "--nomeasure_found", f"--output={found}")
    result = run("tools/search.py", *options, *quickly, "--max_latency_ms=99,98")
    assert result.returncode == 0, result.stderr[-2000:]

    names = {"host one": three_tables[0], "host two": three_tables[1], "adb:STANDIN1": three_tables[2]}
    for name, table in names.items():
        file_name = name.replace(" ", "_").replace(":", "_")
        for limit in (99, 98):
            path = found / f"{file_name}_latency_ms_{limit}.json"
            notes = json.loads(path.read_text())["notes"]
            assert notes["latency_table"] == str(table)
            assert notes["device"] == name.split()[0]
            model = LatencyModel(SMALL, LatencyTable.load(table, SMALL))
            assert notes["predicted_latency_ms"] == pytest.approx(model.predict(Arch.load(path)))
            assert f"--- {name}, latency_ms at most {limit}\n" in result.stdout
    assert len(list(found.glob("*.json"))) == 6

    _, comparison = result.stdout.split("--- archs of one device on another: ")
    rows = [line for line in comparison.splitlines() if line.startswith(tuple(names))]
    assert [re.split(r"  +", row)[:2] for row in rows] == [[name, limit] for name in names for limit in ("99", "98")]

    evaluated = run("tools/evaluate.py", f"--workdir={quickstart}", f"--arch={found}")
    assert evaluated.returncode == 0, evaluated.stderr[-2000:]
    evaluated_names = [line.split()[0] for line in evaluated.stdout.splitlines()[1:]]
    assert evaluated_names == sorted(path.stem for path in found.glob("*.json"))

    line = error_line(run("tools/search.py", *options, *quickly, "--max_latency_ms=1e-9"))
    assert line.startswith("error: host one: Expected the limit of latency_ms (--max_latency_ms) to be at least 0.")


@pytest.mark.long
def test_each_latency_table_has_a_front_of_its_own(
    run: Run, quickstart: Path, three_tables: list[Path], tmp_path: Path
) -> None:
    one, two, _ = three_tables
    found = tmp_path / "found"
    options = (f"--workdir={quickstart}", "--front", f"--latency_table={one},{two}", f"--output={found}")
    result = run("tools/search.py", *options, "--num_generations=5", "--num_measurements=3", "--nomeasure_found")
    assert result.returncode == 0, result.stderr[-2000:]
    for table in (one, two):
        path = found / f"front_host_{table.stem}.json"
        front = json.loads(path.read_text())
        assert (front["device"], front["latency_table"]) == ("host", str(table))
        model = LatencyModel(SMALL, LatencyTable.load(table, SMALL))
        for entry in front["entries"]:
            predicted_ms = model.predict(Arch.from_dict(entry["arch"]))
            assert entry["costs"]["latency_ms"] == pytest.approx(predicted_ms) == entry["predicted_latency_ms"]
        assert path.with_suffix(".svg").is_file()
        assert f"--- host {table.stem}\n" in result.stdout
    line = error_line(run("tools/evaluate.py", f"--workdir={quickstart}", f"--arch={found}"))
    assert "to be a folder with arch JSON files. Received: none there." in line


def test_a_front_is_found_written_drawn_and_evaluated(run: Run, quickstart: Path, tmp_path: Path) -> None:
    output = tmp_path / "front.json"
    options = (f"--workdir={quickstart}", "--num_generations=5", "--num_measurements=3", f"--output={output}")
    result = run(
        "tools/search.py", *options, "--pessimism=1", "--front", "--front_costs=latency_ms,macs", "--max_macs=1e12"
    )
    assert result.returncode == 0, result.stderr[-2000:]
    document = json.loads(output.read_text())
    assert document["schema"] == "ofa_tf/front/1"
    # Where all subnets are predicted alike, the smallest is the whole front, and there is nothing to measure.
    all_points = document["entries"] + document["other_measurements"]
    assert document["num_measured"] == sum(point["is_found"] for point in all_points) <= 3
    costs = [entry["costs"] for entry in document["entries"]]
    assert all(set(cost) == {"latency_ms", "macs"} for cost in costs)
    assert [cost["latency_ms"] for cost in costs] == sorted(cost["latency_ms"] for cost in costs)
    assert all(entry["num_report_images"] == 7 for entry in document["entries"])
    assert f"front: {len(document['entries'])} of {len(all_points)} measured subnet" in result.stdout
    assert output.with_suffix(".svg").read_text().startswith("<svg")
    assert document["limits"] == {"macs": 1e12}
    assert document["latency_margin"] == 0.0
    assert "limits: macs at most 1,000,000,000,000" in result.stdout
    assert f"{output}, with a plot in front.svg\nNext, for example for number 0: " in result.stdout
    assert f"--arch={output}:0 --quantization=none --output={tmp_path / 'front_0_float32.tflite'}" in result.stdout
    for number, entry in enumerate(document["entries"]):
        assert entry["measured_latency_ms"] > 0
        (line,) = [line for line in result.stdout.splitlines() if line.split()[:1] == [str(number)]]
        assert line.split()[1] == str(entry["arch"]["image_size"])
        assert f"{entry['measured_latency_ms']:.3f}" in line
    model = tmp_path / "model.tflite"
    last = len(document["entries"]) - 1
    export = (f"--workdir={quickstart}", f"--arch={output}:{last}", f"--output={model}")
    exported = run("tools/to_tflite.py", *export)
    assert exported.returncode == 0, exported.stderr[-2000:]
    assert load_sidecar(model)["arch"] == document["entries"][last]["arch"]
    evaluated = run("tools/evaluate.py", f"--workdir={quickstart}", f"--arch={output}")
    assert evaluated.returncode == 0, evaluated.stderr[-2000:]
    assert len(evaluated.stdout.strip().splitlines()) == 1 + len(document["entries"])


@pytest.mark.long
def test_a_family_is_found_and_becomes_one_file(run: Run, quickstart: Path, tmp_path: Path) -> None:
    output = tmp_path / "family.json"
    options = (f"--workdir={quickstart}", "--precision=int8", f"--output={output}")
    result = run(
        *("tools/search.py", *options, "--family=2", "--front_costs=macs", "--num_shipped_archs=1"),
        *("--num_measurements=4", "--nomeasure_found", "--max_family_bytes=1e6"),
    )
    assert result.returncode == 0, result.stderr[-2000:]
    document = json.loads(output.read_text())
    first, second = (Arch.from_dict(entry["arch"]) for entry in document["entries"])
    assert first != second
    for entry in document["entries"]:
        assert entry["num_report_images"] == 7
        assert set(entry["costs"]) == {"macs"}
    assert document["family"]["max_file_bytes"] == 1e6
    assert "family: 2 subnets with the same widths" in result.stdout
    assert f"{document['family']['file_bytes']:,} bytes predicted" in result.stdout

    elastic = tmp_path / "elastic.tflite"
    export = (f"--workdir={quickstart}", f"--arch={output}", "--elastic", "--quantization=int8", f"--output={elastic}")
    exported = run("tools/to_tflite.py", *export, "--max_accuracy_drop=100")
    assert exported.returncode == 0, exported.stderr[-2000:]
    assert elastic.stat().st_size <= document["family"]["file_bytes"]
    too_small = {"file_bytes": 1, "max_file_bytes": 9999.0}
    output.write_text(json.dumps({**document, "family": too_small}))
    for path in (elastic, elastic.with_suffix(".json")):
        path.unlink()
    line = error_line(run("tools/to_tflite.py", *export, "--max_accuracy_drop=100"))
    assert "Expected the elastic file to keep within 9,999 bytes, the limit of the search that found its archs." in line
    assert not elastic.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--front", "--front_costs=beauty"], "(--front_costs) to be among ['latency_ms', 'macs', 'size_bytes', '"),
        (["--front", "--front_costs=macs,macs"], "different costs of a front (--front_costs). Received: macs, macs."),
        (["--front_costs=macs"], "only with --front or --family. Received: --front_costs=macs. Add one of them, or"),
        (
            ["--front", "--max_macs=1e7,2e7"],
            "one value of each limit with --front and --family. Received: macs=1000000",
        ),
        (["--front", "--family=3"], "Expected --front or --family. Received: both. Call the program once for each."),
        (["--family=3"], "Expected a family to be searched in a precision with int8 weights (--precision=int8). Rec"),
        (["--max_macs=1e7", "--max_family_bytes=9"], "Expected --max_family_bytes only with --family. Received: "),
        (
            ["--family=3", "--precision=int8", "--front_costs=macs", "--max_family_bytes=9e3"],
            "Expected the limit of a family's file (--max_family_bytes) to be at least ",
        ),
        (["--family=3", "--precision=int8", "--front_costs=macs,size_bytes"], "Expected one cost of a family (--front"),
        (["--family=9", "--precision=int8", "--num_measurements=8"], "`num_measurements` to be at least 9, one for"),
        (["--max_macs=1e7,"], "Expected a number before and after each comma of --max_macs. Received: --max_macs=1e7,"),
        (["--max_macs=1e7,10000000"], "Expected the numbers of --max_macs to differ. Received: --max_macs=1e7,100"),
        (["--max_latency_ms=inf"], "Expected --max_latency_ms to be a finite number above 0. Received: --max_lat"),
        (["--max_macs=1e7", "--predictor=gp"], "(--predictor) to be one of ['linear', 'gaussian_process', 'mlp_en"),
        (["--max_macs=1e7", "--confidence=2"], "Expected `confidence` to be above 0 and below 1."),
        (["--max_macs=1e7", "--confidence=0.9"], "Expected --confidence only with --max_latency_ms, which gets its"),
        (["--front", "--num_finalists=3"], "Expected --num_finalists only without --front or --family, which measure "),
        (["--max_macs=1e7", "--front_costs=macs"], "Expected --front_costs only with --front or --family. Rec"),
        (["--max_macs=1e7", "--num_measurements=9"], "Expected --num_measurements only with --front or --family;"),
        (["--max_macs=1e7", "--num_shipped_archs=9"], "Expected --num_shipped_archs only with an integer --precision"),
        (["--max_macs=1"], "Expected the limit of macs (--max_macs) to be at least "),
        (["--max_macs=1e7", "--max_size_bytes=1000"], "limit of size_bytes (--max_size_bytes) to be at least "),
        (["--max_latency_ms=99", "--max_peak_ram_bytes=100"], "peak_ram_bytes (--max_peak_ram_bytes) to be at least "),
        (["--front", "--max_macs=1"], "Expected the limit of macs (--max_macs) to be at least "),
        (["--max_macs=1e7", "--device=toaster"], "Received: 'toaster'."),
        (
            ["--max_latency_ms=1", "--confidence=0.99"],
            "to have at least 99 held-out networks for",
        ),
        (["--max_macs=1e7", "--device=host,host"], "Expected --device to name different devices."),
        (["--max_macs=1e7", "--device=host,adb:1", "--latency_table=a"], "Expected as many latency tables as devices"),
        (["--max_macs=1e7", "--latency_table=a,a"], "Expected each latency table of host once, and the names of their"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_loaded(
    run: Run, quickstart: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    result = run("tools/search.py", f"--workdir={quickstart}", f"--output={tmp_path / 'a.json'}", *options)
    assert message in error_line(result)
    assert "loading" not in result.stderr


@pytest.mark.parametrize(
    ("line_number", "pattern", "replacement", "message"),
    [
        (0, r'"network": "\w{8}', '"network": "00000000', "Received: one of another supernet. Build it again: python"),
        (1, r'"num_correct": \[\d+', '"num_correct": [7.3', "Expected line 2 of "),
    ],
)
def test_an_accuracy_table_that_does_not_serve_is_refused_before_anything_is_loaded(
    run: Run, quickstart: Path, tmp_path: Path, line_number: int, pattern: str, replacement: str, message: str
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(quickstart, copy)
    table = copy / "accuracy_table.jsonl"
    lines = table.read_text().splitlines(keepends=True)
    lines[line_number], num_replaced = re.subn(pattern, replacement, lines[line_number])
    assert num_replaced == 1
    table.write_text("".join(lines))
    result = run("tools/search.py", f"--workdir={copy}", "--max_macs=1e7", f"--output={tmp_path / 'a.json'}")
    assert message in error_line(result)
    assert "loading" not in result.stderr


def test_a_search_without_the_device_s_latency_table_says_how_to_build_it(
    run: Run, quickstart: Path, tmp_path: Path
) -> None:
    options = (f"--workdir={quickstart}", "--precision=int8", "--max_latency_ms=9", f"--output={tmp_path / 'a.json'}")
    line = error_line(run("tools/search.py", *options, "--latency_table="))
    assert "latency_tables/host_int8.json. Received: no such file. Build with: " in line
    assert "python tools/build_latency_table.py --device=host --precision=int8 --workdir=" in line


def test_a_latency_table_under_another_name_is_searched_and_not_replaced(
    run: Run, quickstart: Path, tmp_path: Path
) -> None:
    table, output = tmp_path / "mine.json", tmp_path / "a.json"
    shutil.copy(quickstart / "latency_tables" / "host_float32.json", table)
    options = ("--max_latency_ms=99", "--num_generations=2", "--num_finalists=0", f"--output={output}")
    result = run("tools/search.py", f"--workdir={quickstart}", f"--latency_table={table}", *options)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "latency_ms" in json.loads(output.read_text())["notes"]["costs"]
    before = table.read_bytes()
    line = error_line(
        run("tools/build_latency_table.py", f"--workdir={quickstart}", "--num_threads=2", f"--output={table}")
    )
    assert f"Expected the latency table {table} to have been measured with num_threads=2" in line
    assert table.read_bytes() == before


def test_several_archs_become_a_folder_of_models(run: Run, quickstart: Path, found: Path, tmp_path: Path) -> None:
    options = (f"--workdir={quickstart}", f"--arch=min,{found}", "--quantization=dynamic", "--max_accuracy_drop=100")
    result = run("tools/to_tflite.py", *options, f"--output={tmp_path / 'models'}")
    assert result.returncode == 0, result.stderr[-2000:]
    assert sorted(path.name for path in (tmp_path / "models").glob("*.tflite")) == ["arch.tflite", "min.tflite"]
    assert load_sidecar(tmp_path / "models" / "min.tflite")["arch"] == SMALL.smallest().to_dict()
    line = error_line(run("tools/to_tflite.py", *options, f"--output={tmp_path / 'one.tflite'}"))
    assert "Expected --output to be a folder for 2 archs" in line


def test_what_is_no_model_cannot_be_described(run: Run, quickstart: Path, tmp_path: Path) -> None:
    whole = (quickstart / "models" / "found_1_int8.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "short.tflite").write_bytes(whole[:-72])
    (tmp_path / "text.tflite").write_text("a text")
    line = error_line(run("tools/to_tflite.py", f"--describe={tmp_path / 'short.tflite'}"))
    assert "short.tflite to be a complete TFLite file. Received: a damaged one (it ends before the names of" in line
    line = error_line(run("tools/to_tflite.py", f"--describe={tmp_path / 'cut.tflite'}"))
    assert "cut.tflite to be a complete TFLite file. Received: a damaged one" in line
    line = error_line(run("tools/to_tflite.py", f"--describe={tmp_path / 'text.tflite'}"))
    assert "text.tflite to be a TFLite file. Received: 6 bytes" in line
    line = error_line(run("tools/to_tflite.py", f"--workdir={quickstart}", "--arch=min"))
    assert "Expected --output, the file to write, or --describe, --snippet or --card. Received: none of them." in line


def test_an_empty_list_of_archs_or_models_is_refused(run: Run, quickstart: Path, tmp_path: Path) -> None:
    output = f"--output={tmp_path / 'm.tflite'}"
    line = error_line(run("tools/to_tflite.py", f"--workdir={quickstart}", "--arch=", output))
    assert "Expected --workdir and --arch, or --model. Received: no --arch." in line
    line = error_line(run("tools/benchmark.py", "--model=", "--device=host"))
    assert "Expected --model to name at least one TFLite file. Received: none." in line


def test_an_arch_of_another_space_is_refused(run: Run, quickstart: Path, tmp_path: Path) -> None:
    arch = tmp_path / "arch.json"
    get_search_space("mobilenet_v3_w1.0").largest().save(arch)
    output = tmp_path / "m.tflite"
    options = (f"--workdir={quickstart}", f"--arch={arch}", f"--output={output}")
    line = error_line(run("tools/to_tflite.py", *options))
    assert f"{arch}: Expected an arch of the search space 'small'. Received: one of 'mobilenet_v3_w1.0'" in line
    assert not output.exists()


def test_a_corrupt_supernet_is_named(run: Run, quickstart: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(quickstart, copy)
    network = copy / "supernet.keras"
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 0xFF
    network.write_bytes(bytes(content))
    line = error_line(run("tools/evaluate.py", f"--workdir={copy}", "--arch=min"))
    assert f"Expected {network} to be a complete file. Received: a damaged one" in line


def test_a_truncated_model_is_named_by_the_benchmark(run: Run, quickstart: Path, tmp_path: Path) -> None:
    good = quickstart / "models" / "found_1_int8.tflite"
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(good.read_bytes()[:1000])
    result = run("tools/benchmark.py", f"--model={bad},{good}", "--device=host", "--rounds=2")
    assert f"Expected all models to run. Received: {bad} on host: " in error_line(result)
    assert f"{good}: " in result.stdout  # the other one is measured all the same


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        ("train_main.py", ["--phase=width"], "Run first: python train_main.py --phase=all --resume"),
        ("train_main.py", ["--phase=wide"], "Expected --phase to be one of"),
        ("train_main.py", ["--dataset=cifar11"], "Received: 'cifar11'"),
        ("train_main.py", ["--dataset=folder:/no/such/folder"], "/no/such/folder"),
        ("train_main.py", ["--dataset=folder:"], "Expected a path after 'folder:'"),
        ("train_main.py", ["--batch_size=0"], "Received: batch_size=0"),
        ("tools/evaluate.py", [], "Train first: python train_main.py"),
        ("tools/search.py", ["--max_macs=1e6", "--output=a.json"], "Train first: python train_main.py"),
        (
            "tools/to_tflite.py",
            ["--arch=min", "--output=m.tflite", "--qat_epochs=2"],
            "Expected --qat_epochs with --quantization=qat only. Received: --quantization=none.",
        ),
        ("tools/search.py", ["--output=a.json"], "Expected at least one limit"),
        ("tools/bench_training.py", ["--shapes=16by224"], "Received: --shapes=16by224"),
        ("tools/bench_training.py", ["--space=moon"], "Received: 'moon'"),
        ("tools/bench_training.py", ["--ways=slow"], "Received: --ways=slow"),
        (
            "tools/bench_input.py",
            ["--augmentation=flip"],
            "one of none, crop, cifar, imagenet. Received: augmentation='flip'",
        ),
        ("tools/benchmark.py", ["--model=no.tflite", "--device=adb"], "Received: no file at no.tflite"),
        ("tools/benchmark.py", ["--model=no.tflite"], "Received: no file at no.tflite"),
        ("tools/benchmark.py", ["--model=README.md"], "Expected README.md to be a TFLite file. Received: "),
        ("tools/benchmark.py", ["--model=m.tflite", "--device=moon"], "Received: 'moon'"),
        (
            "tools/benchmark.py",
            ["--model=m.tflite", "--delegate=gpu"],
            "Expected --delegate with a phone only. Received: --device=host.",
        ),
        ("tools/benchmark.py", ["--model=m.tflite", "--cpu_mask=0"], "Received: '0'"),
    ],
)
def test_a_user_s_error_is_one_clear_line(
    run: Run, tmp_path: Path, program: str, arguments: list[str], message: str
) -> None:
    workdir = [f"--workdir={tmp_path / 'w'}"] if "bench" not in program else []
    assert message in error_line(run(program, *workdir, *arguments))
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("program", _TOOLS)
def test_every_tool_explains_itself_with_an_example_and_refuses_unknown_flags(run: Run, program: str) -> None:
    shown = run(f"tools/{program}", "--helpshort")
    assert shown.returncode == 0
    assert f"python tools/{program}" in shown.stdout
    unknown = run(f"tools/{program}", "--no_such_flag=1")
    assert unknown.returncode == 1
    assert "no_such_flag" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_train_main_explains_its_flags_in_groups(run: Run) -> None:
    shown = run("train_main.py", "--helpshort")
    assert shown.returncode == 0
    position = 0
    for line in (
        *("Flags:", "  --phase:", "  --[no]resume:"),
        *("Data:", "  --dataset:"),
        *("Training step:", "  --batch_size:"),
        *("Phases:", "  --method:", "  --width_2_num_subnets:"),
        *("Devices that compute:", "  --intra_op_threads:"),
    ):
        position = shown.stdout.index(f"\n{line}", position)


# --- what the quickstart leaves behind -------------------------------------
# (here and not in a file of its own: a file's tests share a process, and so this fixture)


@pytest.fixture(scope="module")
def summary(quickstart: Path) -> dict:
    return json.loads((quickstart / "summary.json").read_text())


def test_the_summary_has_three_found_subnets_the_largest_and_the_plain_net(summary: dict) -> None:
    assert [row["name"] for row in summary["rows"]] == ["found_1", "found_2", "found_3", "largest", "plain_keras"]
    assert summary["schema"] == "ofa_tf/summary/1"
    assert summary["accuracy_predictor"]["num_archs"] == 10
    assert summary["latency_model"]["num_archs"] == 2
    assert {"train", "accuracy_table", "latency_table", "search", "export", "benchmark"} <= set(summary["seconds"])


def test_every_row_is_complete_and_agrees_with_the_formulas(summary: dict) -> None:
    for row in summary["rows"]:
        arch = Arch.from_dict(row["arch"])
        assert row["num_macs"] == num_macs(SMALL, arch, 2)
        assert row["num_params"] == num_params(SMALL, arch, 2)
        assert row["latency_ms"] > 0
        assert row["predicted_latency_ms"] > 0
        assert 0 <= row["float_top1"] <= 1
        assert 0 <= row["int8_top1"] <= 1


def test_found_subnets_are_predicted_to_be_within_their_budgets(summary: dict) -> None:
    budgets = []
    for row in summary["rows"][:3]:
        assert row["predicted_latency_ms"] <= row["budget_ms"]
        budgets.append(row["budget_ms"])
    assert budgets == sorted(set(budgets))


def test_the_shipped_models_are_what_their_sidecars_and_the_summary_say(summary: dict) -> None:
    for row in summary["rows"]:
        for kind, dtype in (("float", "float32"), ("int8", "int8")):
            path = Path(row[f"tflite_{kind}"])
            sidecar = load_sidecar(path)
            assert sidecar["arch"] == row["arch"]
            assert sidecar["top1"] == row[f"{kind}_top1"]
            assert sidecar["class_names"] == ["ant", "bee"]
            model = TFLiteModel(path)
            assert (model.image_size, model.num_classes) == (row["arch"]["image_size"], 2)
            assert model.input_dtype == dtype
        assert Path(row["tflite_float"]).stat().st_size == row["size_bytes"]
        assert Path(row["tflite_int8"]).stat().st_size == row["int8_size_bytes"]


def test_the_final_table_shows_every_row(quickstart: Path, summary: dict) -> None:
    heading, *lines = (quickstart / "stdout.txt").read_text().splitlines()
    assert heading.split("  ")[0] == "budget (ms)"
    for row, line in zip(summary["rows"], lines, strict=False):
        if row["budget_ms"] is not None:
            assert line.startswith(f"{row['budget_ms']:.3f} ")
        assert f" {row['latency_ms']:.3f} " in line
        assert f" {row['float_top1']:.2%} +- " in line
    assert f"{summary['rows'][-1]['train_seconds']:.0f} to train it" in lines[4]
    assert summary["seconds"]["train"] > 0


def test_the_cards_of_a_quickstart_tell_what_it_measured_and_what_was_typed(quickstart: Path, summary: dict) -> None:
    for row in summary["rows"]:
        for path, latency in (("tflite_float", "latency_ms"), ("tflite_int8", "int8_latency_ms")):
            card = Path(row[path]).with_suffix(".md").read_text()
            assert f"measured {row[latency]:.3f} ms" in card
            assert "- Command: `python tools/quickstart.py " in card


def test_a_quickstart_says_which_step_of_how_many_it_is_at(quickstart: Path) -> None:
    told = (quickstart / "stderr.txt").read_text()
    steps = re.findall(r"step (\d) of 7: (\w+)", told)
    verbs = ["train", "measure", "measure", "search", "train", "write", "measure"]
    assert steps == [(str(number), verb) for number, verb in enumerate(verbs, start=1)]


def test_the_page_of_a_quickstart_compares_with_the_plain_net(quickstart: Path) -> None:
    page = (quickstart / "report.html").read_text()
    (told,) = re.findall(r"For comparison, an ordinary Keras network that was trained alone: (.*?)</p>", page)
    assert set(re.findall(r"models/(\w+)\.tflite", told)) == {"plain_keras_float", "plain_keras_int8"}


def test_a_quickstart_ends_with_a_page(quickstart: Path) -> None:
    assert f"a page to look at: {quickstart / 'report.html'}" in (quickstart / "stdout.txt").read_text()
    assert "plotly" in (quickstart / "report.html").read_text().lower()


@pytest.mark.long
def test_a_copy_of_a_quickstart_goes_on_and_a_network_that_cannot_be_shipped_costs_its_row(
    run: Run, quickstart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "my copy"
    shutil.copytree(quickstart, copy)
    somebody_elses = copy / "models" / "largest_int8.json"
    somebody_elses.write_text("{}")
    # A package that lacks the library, as good as none.
    (tmp_path / "plotly").mkdir()
    (tmp_path / "plotly" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    options = ("--num_archs=10", "--num_networks=4", "--max_accuracy_drop=100")
    flagfile = f"--flagfile={quickstart.parent / 'training.cfg'}"
    result = run("tools/quickstart.py", f"--workdir={copy}", flagfile, *options)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "img/s" not in result.stderr  # neither the supernet nor the plain net is trained again
    before, after = (json.loads((folder / "summary.json").read_text()) for folder in (quickstart, copy))
    for step in ("train", "plain_keras_net"):
        assert after["seconds"][step] == before["seconds"][step]

    assert after["precision"] == "int8"
    for row in after["rows"]:
        if row["name"] != "largest":
            assert row["int8_latency_ms"] > 0
            assert row["errors"] == {}
    (largest,) = [row for row in after["rows"] if row["name"] == "largest"]
    assert str(somebody_elses) in largest["errors"]["int8"]
    assert "int8_latency_ms" not in largest
    assert largest["latency_ms"] > 0
    assert somebody_elses.read_text() == "{}"

    lines = result.stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("none: largest subnet")]
    assert "not shipped, see below" in line
    assert f"budget none: largest subnet: {largest['errors']['int8']}" in lines
    assert lines[-1].startswith("no report: Expected the package plotly")
    assert lines[-1].endswith(f"python tools/report.py {PLUGINS_FLAG} '--workdir={copy}' '--output={copy}/report.html'")


def test_checkpoints_tables_and_logs_are_left_behind(quickstart: Path) -> None:
    phases = ("full", "kernel", "depth_1", "depth_2", "width_1", "width_2")
    assert {path.name for path in (quickstart / "checkpoints").iterdir()} == set(phases)
    for name in ("accuracy_table.jsonl", "benchmark.json", "supernet.keras", "latency_tables/host_float32.json"):
        assert (quickstart / name).is_file()


@pytest.mark.long
def test_several_subnets_become_one_elastic_file(run: Run, quickstart: Path, tmp_path: Path) -> None:
    output = tmp_path / "elastic.tflite"
    options = (f"--workdir={quickstart}", "--quantization=int8", "--max_accuracy_drop=100", "--elastic")
    result = run("tools/to_tflite.py", *options, "--arch=max,min", f"--output={output}")
    assert result.returncode == 0, result.stderr[-2000:]
    facts = json.loads(output.with_suffix(".json").read_text())
    assert list(facts["signatures"]) == ["min", "max"]  # from the fewest MACs
    assert facts["size_bytes"] == output.stat().st_size < facts["sum_bytes"]
    assert f"{facts['size_bytes']:,} bytes, {facts['size_bytes'] / facts['largest_bytes']:.2f} times" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elastic.json", "elastic.tflite"]
    described = run("tools/to_tflite.py", f"--describe={output}").stdout.splitlines()
    assert [line.split(":")[0] for line in described] == ["elastic.tflite", "min", "max"]
    again = run("tools/to_tflite.py", *options, "--arch=min,max", f"--output={output}")
    assert again.returncode == 0, again.stderr[-2000:]
    measured = run("tools/benchmark.py", f"--model={output}", "--rounds=2")
    assert measured.returncode == 0, measured.stderr[-2000:]
    smaller, larger = measured.stdout.splitlines()
    # What follows is a time, and on a busy machine a word of doubt.
    assert smaller.startswith(f"{output}:min: ")
    assert larger.startswith(f"{output}:max: ")


def test_what_an_elastic_file_cannot_be_is_said_at_once(run: Run, quickstart: Path, tmp_path: Path) -> None:
    options = (f"--workdir={quickstart}", "--elastic", "--quantization=int8")
    for flag in ("--target=mcu", "--verbose"):
        refused = run("tools/to_tflite.py", *options, "--arch=max,min", flag, f"--output={tmp_path / 'e.tflite'}")
        assert "Received: --" in error_line(refused)
    one = run("tools/to_tflite.py", *options, "--arch=max", f"--output={tmp_path / 'e.tflite'}")
    assert "Expected several archs for an elastic file (--elastic). Received: 1." in error_line(one)
    (tmp_path / "e.json").write_text('{"schema": "somebody/else/1"}')
    other = run("tools/to_tflite.py", *options, "--arch=max,min", f"--output={tmp_path / 'e.tflite'}")
    assert "e.json" in error_line(other)
    assert not (tmp_path / "e.tflite").exists()


def test_a_model_for_microcontrollers_becomes_an_array_too(run: Run, quickstart: Path, tmp_path: Path) -> None:
    source = tmp_path / "small.cc"
    options = (f"--workdir={quickstart}", "--target=mcu", f"--output={source}")
    several = run("tools/to_tflite.py", *options, "--arch=min,max")
    assert f"to be a folder for 2 archs. Received: {source}." in error_line(several)

    result = run("tools/to_tflite.py", *options, "--arch=min")
    assert result.returncode == 0, result.stderr[-2000:]
    names = ["small.cc", "small.h", "small.json", "small.labels.txt", "small.md", "small.tflite"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    first_bytes = ", ".join(f"0x{byte:02x}" for byte in source.with_suffix(".tflite").read_bytes()[:12])
    assert first_bytes in source.read_text()
    if is_micro_installed():
        gate = load_sidecar(source.with_suffix(".tflite"))["gate"]
        assert gate["arena_bytes"] == gate["arena_head_bytes"] + gate["arena_tail_bytes"]
