"""Measures the latency of TFLite models on a device.

Examples:
    python tools/benchmark.py --model=model.tflite --device=host --output=benchmark.json
    python tools/benchmark.py --model=model.tflite --device=adb --num_threads=4 --cpu_mask=f0
    python tools/benchmark.py --model=model.tflite --device=adb --target=gpu --check
    python tools/benchmark.py --list_devices
    python tools/benchmark.py --fetch_benchmark_binary=arm64-v8a

Several models (--model=a.tflite,b.tflite) are measured in turns, and so are all of an elastic file; several devices
(--device=adb:A,adb:B) one after the other.
"""

import dataclasses
import math
import operator
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.errors import InputError
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.devices import device_flags
from ofa_tf.devices.android.benchmark_model.binary import fetch_benchmark_binary
from ofa_tf.devices.benchmark_results import KIND, save_benchmark, with_hashes
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device, Measurement
from ofa_tf.devices.opening import list_devices
from ofa_tf.devices.output_check import check_can_give_outputs, compare_outputs
from ofa_tf.tflite.litert.merged_model import with_first_graph
from ofa_tf.tflite.litert.metadata import read_metadata, read_tflite
from ofa_tf.tflite.lowering.targets import CPU, get_target, target_help
from ofa_tf.tflite.shipping.elastic_file import is_elastic

define_plugins_flag()
_MODEL = flags.DEFINE_list("model", None, "TFLite files, separated by commas.")
_DEVICE = flags.DEFINE_list("device", ["host"], f"{device_flags.DEVICE_HELP} Several are separated by commas.")
_TARGET = flags.DEFINE_string("target", CPU.name, f"{target_help()} It decides which delegate a phone takes.")
_NUM_THREADS = flags.DEFINE_integer("num_threads", 1, "Threads of the interpreter.")
_WARMUP_RUNS = flags.DEFINE_integer("warmup_runs", 2, "Runs before the measured ones of a round.")
_NUM_RUNS = flags.DEFINE_integer("num_runs", 10, "Measured runs of a round.")
_ROUNDS = flags.DEFINE_integer("rounds", 10, "Rounds over all models, at least.")
_TIME_LIMIT = flags.DEFINE_float("time_limit_s", 600.0, "Limit for all models together, seconds.")
_PROFILE = flags.DEFINE_bool("enable_op_profiling", False, "Also measure the operators of each model; phones only.")
_CHECK = flags.DEFINE_bool(
    "check",
    False,
    "Also run some inputs on the device, and compare what each model gives with what it gives here; phones only.",
)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; a folder for several devices.")
_LIST_DEVICES = flags.DEFINE_bool("list_devices", False, "Print the devices and their state, and do nothing else.")
_FETCH = flags.DEFINE_string(
    "fetch_benchmark_binary", None, "Download benchmark_model for this ABI into the cache, and do nothing else."
)

_MAX_OPERATORS_PRINTED = 10  # the file holds all


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    if _LIST_DEVICES.value:
        _print_devices()
    elif _FETCH.value is not None:
        _fetch_binary(_FETCH.value)
    else:
        _measure_models()


def _print_devices() -> None:
    for device in list_devices():
        print(f"{device.id}\t{device.state}")


def _fetch_binary(abi: str) -> None:
    path, sha256 = fetch_benchmark_binary(abi, tool=device_flags.benchmark_tool_from_flags())
    print(f"{path}: SHA-256 {sha256}")


def _measure_models() -> None:
    """Measure all models on all devices; what fails is told at the end, so that the rest is measured."""
    settings = _settings_from_flags()
    models = _models_named()
    devices = device_flags.devices_from_flags(_DEVICE.value, get_target(_TARGET.value))
    _check_files(models)
    if _CHECK.value:
        for device in devices:
            check_can_give_outputs(device)
    outputs = _choose_outputs(devices)
    if len(devices) == 1:
        devices[0].describe()  # so that a phone that is not there is told before a bar is drawn

    failures = []
    for device in devices:
        try:
            measurements = _measure_on(device, models, settings)
        except InputError as error:
            if len(devices) == 1:
                raise
            failures.append(f"{device.id}: {error}")
            continue
        for measurement in measurements:
            if measurement.error is None:
                _print_measurement(measurement)
            else:
                failures.append(f"{measurement.model} on {device.id}: {measurement.error}")
        if device.id in outputs:
            save_benchmark(outputs[device.id], measurements, settings)
        if _CHECK.value:
            measurements = _check_outputs(device, models, measurements, failures)
            if device.id in outputs:
                save_benchmark(outputs[device.id], measurements, settings)
    if failures:
        raise InputError(f"Expected all models to run. Received: {'; '.join(failures)}.")


def _settings_from_flags() -> BenchmarkSettings:
    return BenchmarkSettings(
        num_threads=_NUM_THREADS.value,
        warmup_runs=_WARMUP_RUNS.value,
        num_runs=_NUM_RUNS.value,
        rounds=_ROUNDS.value,
        time_limit_s=_TIME_LIMIT.value,
        profile_operators=_PROFILE.value,
    )


def _models_named() -> list[BenchmarkModel]:
    if not _MODEL.value:
        raise InputError("Expected --model to name at least one TFLite file. Received: none.")
    models = []
    for path in _MODEL.value:
        if is_elastic(Path(path)):
            models += _signatures(path)
        else:
            models.append(BenchmarkModel(path, Path(path)))
    return models


def _files_of(models: Sequence[BenchmarkModel]) -> list[BenchmarkModel]:
    """The files that models are in: those of an elastic file are all in that one."""
    in_files = []
    for model in models:
        path = model.content
        if not isinstance(path, Path):
            path = Path(model.name.rpartition(":")[0])
        in_files.append(BenchmarkModel(model.name, path))
    return in_files


def _signatures(path: str) -> list[BenchmarkModel]:
    """The models of an elastic file, called after their signatures, each in the file with the others."""
    content = Path(path).read_bytes()
    models = []
    for signature in read_metadata(path)["signatures"]:
        models.append(BenchmarkModel(f"{path}:{signature}", with_first_graph(content, signature)))
    return models


def _check_files(models: Sequence[BenchmarkModel]) -> None:
    missing = [model.name for model in models if isinstance(model.content, Path) and not model.content.is_file()]
    if missing:
        raise InputError(
            f"Expected --model to name TFLite files. Received: no file at {', '.join(missing)}. "
            "Write one with tools/to_tflite.py."
        )
    for model in models:
        read_tflite(model.content)  # raises for a file that is no model


def _choose_outputs(devices: Sequence[Device]) -> dict[str, Path]:
    """Where the results of each device go, by its id; nowhere without --output.

    Raises:
        InputError: If a file cannot be written there, or one of another kind would be replaced.
    """
    if not _OUTPUT.value:
        return {}
    if len(devices) == 1:
        outputs = {devices[0].id: Path(_OUTPUT.value)}
    else:
        folder = Path(_OUTPUT.value)
        outputs = {device.id: folder / f"{files.safe_name(device.id)}.json" for device in devices}
    for path in outputs.values():
        files.check_output(path)
        files.check_replaceable(path, KIND)
    return outputs


def _measure_on(
    device: Device,
    models: Sequence[BenchmarkModel],
    settings: BenchmarkSettings,
) -> list[Measurement]:
    with progress_bar(None, f"benchmark on {device.id}", "step") as bar:
        measurements = device.measure(models, settings, on_progress(bar))
    return with_hashes(measurements, _files_of(models))


def _check_outputs(
    device: Device, models: Sequence[BenchmarkModel], measurements: Sequence[Measurement], failures: list[str]
) -> list[Measurement]:
    """Compare what the models that were measured give on a device and here; what fails is added to the failures."""
    checked = []
    for model, measurement in zip(models, measurements, strict=True):
        if measurement.error:
            checked.append(measurement)
            continue
        place = f"{model.name} on {device.id}"
        try:
            check = compare_outputs(check_can_give_outputs(device), model)
        except InputError as error:
            failures.append(f"{place}: {error}")
            checked.append(measurement)
            continue
        print(f"{model.name}: {check.in_words()}", flush=True)
        if not check.is_passed:
            failures.append(f"{place}: {check.in_words()}")
        if math.isfinite(check.largest_error):  # a file has no other numbers
            measurement = dataclasses.replace(measurement, output_error=check.largest_error)
        checked.append(measurement)
    return checked


def _print_measurement(measurement: Measurement) -> None:
    print(f"{measurement.model}: {measurement.describe()}")
    _print_operators(measurement.operators or [])


def _print_operators(operators: Sequence[Mapping[str, Any]]) -> None:
    # Operators inside a delegate are part of the delegate's row.
    rows = [row for row in operators if not row["is_in_delegate"]]
    rows.sort(key=operator.itemgetter("mean_ms"), reverse=True)
    for row in rows[:_MAX_OPERATORS_PRINTED]:
        print(f"  {row['mean_ms']:8.3f} ms  {row['kind']}  {row['name']}")


if __name__ == "__main__":
    command_line.run(main)
