"""Measures the latency of TFLite models on a device.

Examples:
    python tools/benchmark.py --model=model.tflite --device=host --output=benchmark.json
    python tools/benchmark.py --model=model.tflite --device=adb --num_threads=4 --cpu_mask=f0
    python tools/benchmark.py --list_devices
    python tools/benchmark.py --fetch_benchmark_binary=arm64-v8a

Several models (--model=a.tflite,b.tflite) are measured in turns, several devices (--device=adb:A,adb:B) one after the
other.
"""

import operator
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import on_progress, progress_bar
from ofa_tf.devices import device_flags as device_flags
from ofa_tf.devices.android.adb import list_phones
from ofa_tf.devices.android.benchmark_binary import fetch_benchmark_binary
from ofa_tf.devices.benchmark_results import KIND, save_benchmark
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device, Measurement

flags.adopt_module_key_flags(device_flags)  # --helpshort shows them
_MODEL = flags.DEFINE_list("model", None, "TFLite files, separated by commas.")
_DEVICE = flags.DEFINE_list("device", ["host"], f"{device_flags.DEVICE_HELP} Several are separated by commas.")
_NUM_THREADS = flags.DEFINE_integer("num_threads", 1, "Threads of the interpreter.")
_WARMUP_RUNS = flags.DEFINE_integer("warmup_runs", 2, "Runs before the measured ones of a round.")
_NUM_RUNS = flags.DEFINE_integer("num_runs", 10, "Measured runs of a round.")
_ROUNDS = flags.DEFINE_integer("rounds", 10, "Rounds over all models, at least.")
_TIME_LIMIT = flags.DEFINE_float("time_limit_s", 600.0, "Limit for all models together, seconds.")
_PROFILE = flags.DEFINE_bool("enable_op_profiling", False, "Also measure the operators of each model; phones only.")
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; a folder for several devices.")
_LIST_DEVICES = flags.DEFINE_bool("list_devices", False, "Print the devices and their state, and do nothing else.")
_FETCH = flags.DEFINE_string(
    "fetch_benchmark_binary", None, "Download benchmark_model for this ABI into the cache, and do nothing else."
)

_MAX_OPERATORS = 10  # printed; the file holds all


def main(argv: Sequence[str]) -> None:
    del argv
    if _LIST_DEVICES.value:
        print("host\tdevice")
        if shutil.which("adb") is None:  # whoever has no phone needs no adb
            print("adb\tno phones: the program adb is not installed")
            return
        phones = list_phones()
        for serial, state in phones.items():
            print(f"adb:{serial}\t{state}")
        if not phones:
            print("adb\tno phones: adb sees none; plug one in with USB debugging enabled, or run adb connect ADDRESS")
        return
    if _FETCH.value is not None:
        path, sha256 = fetch_benchmark_binary(_FETCH.value)
        print(f"{path}: SHA-256 {sha256}")
        return
    settings = BenchmarkSettings(
        num_threads=_NUM_THREADS.value,
        warmup_runs=_WARMUP_RUNS.value,
        num_runs=_NUM_RUNS.value,
        rounds=_ROUNDS.value,
        time_limit_s=_TIME_LIMIT.value,
        profile_operators=_PROFILE.value,
    )
    if not _MODEL.value:
        raise InputError("Expected --model to name at least one TFLite file. Received: none.")
    if len(_DEVICE.value) > 1 and "host" in _DEVICE.value and flags.FLAGS["cpu_mask"].present:
        raise InputError("Expected --cpu_mask with the host or with phones. Received: both. Measure them in two calls.")
    devices = [device_flags.device_from_flags(device_id) for device_id in _DEVICE.value]
    missing = [path for path in _MODEL.value if not Path(path).is_file()]
    if missing:
        raise InputError(
            f"Expected --model to name TFLite files. Received: no file at {', '.join(missing)}. "
            "Write one with tools/to_tflite.py."
        )
    outputs = _outputs(devices)
    for path in outputs.values():
        files.check_output(path)
        files.check_replaceable(path, KIND)
    failed = []
    for device in devices:
        try:
            measurements = _measure(device, settings)
        except InputError as error:
            if len(devices) == 1:
                raise
            failed.append(f"{device.id}: {error}")
            continue
        if device.id in outputs:
            save_benchmark(outputs[device.id], measurements, settings)
        failed += [f"{row.model} on {device.id}: {row.error}" for row in measurements if row.error]
    if failed:
        raise InputError(f"Expected all models to run. Received: {'; '.join(failed)}.")


def _outputs(devices: Sequence[Device]) -> dict[str, Path]:
    """Where the results of each device go."""
    if not devices or len({device.id for device in devices}) < len(devices):
        raise InputError(f"Expected --device to name devices, each once. Received: {','.join(_DEVICE.value)!r}.")
    if not _OUTPUT.value:
        return {}
    if len(devices) == 1:
        return {devices[0].id: Path(_OUTPUT.value)}
    return {device.id: Path(_OUTPUT.value) / f"{files.safe_name(device.id)}.json" for device in devices}


def _measure(device: Device, settings: BenchmarkSettings) -> list[Measurement]:
    models = [BenchmarkModel(path, Path(path)) for path in _MODEL.value]
    with progress_bar(1, f"benchmark on {device.id}", "step") as bar:
        measurements = device.measure(models, settings, on_progress(bar))
    for measurement in measurements:
        if measurement.error:
            print(f"{measurement.model}: not measured: {measurement.error}")
        else:
            print(
                f"{measurement.model}: {measurement.latency_ms:.3f} ms (median of {measurement.num_runs} runs; "
                f"confidence interval {measurement.latency_low_ms:.3f}-{measurement.latency_high_ms:.3f}; "
                f"5% {measurement.latency_p5_ms:.3f}, 95% {measurement.latency_p95_ms:.3f})"
                + (f" DOUBTFUL: {measurement.doubt}" if measurement.doubt else "")
            )
            # Operators inside a delegate are part of the delegate's row.
            rows = [row for row in measurement.operators or [] if not row["is_in_delegate"]]
            for row in sorted(rows, key=operator.itemgetter("mean_ms"), reverse=True)[:_MAX_OPERATORS]:
                print(f"  {row['mean_ms']:8.3f} ms  {row['kind']}  {row['name']}")
    return measurements


if __name__ == "__main__":
    command_line.run(main)
