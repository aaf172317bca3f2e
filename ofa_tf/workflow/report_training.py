"""What the report says of the training, and of the models that were shipped. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device_facts import kind_of_measurement
from ofa_tf.report.page.contents import Accuracy, MeasuredLatency, ModelReport, Note, PhaseReport
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.graph.input_format import NORMALIZED
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.train_state import latest_checkpoint, read_state
from ofa_tf.workflow.report_files import FAULTS, newest_first, note_left_out, read_kind
from ofa_tf.workflow.report_tables import short_path

# What sidecars are called, see `ofa_tf.tflite.shipping`, which loads more than a report needs.
TFLITE_MODEL = "tflite_model"
ELASTIC_MODEL = "elastic_model"

# A benchmark calls a model of an elastic file `FILE.tflite:SIGNATURE`.
_BEFORE_SIGNATURE = ".tflite:"


def describe_phases(config: TrainConfig, workdir: Path) -> list[PhaseReport | Note]:
    """What the checkpoints of a run tell of each phase that was begun, in order."""
    reports: list[PhaseReport | Note] = []
    for phase in config.run_phases:
        checkpoint = latest_checkpoint(workdir, phase)
        if checkpoint is None:
            continue
        try:
            state = read_state(checkpoint)
        except InputError as error:
            reports.append(Note(f"Left out: {error}"))
            continue
        num_epochs = len(state.history)
        if phase.name in config.phases:
            num_epochs = config.phases[phase.name].epochs
        reports.append(PhaseReport(phase.name, num_epochs, state.is_finished, state.history))
    return reports


def describe_models(sidecars: Sequence[Path], benchmarks: Sequence[Path], workdir: Path) -> list[ModelReport | Note]:
    """What the sidecars of models say, with the latencies that were measured of them.

    Args:
        sidecars: Files of the sidecars, of models and of elastic files.
        benchmarks: Files of measurements; where several have the same model on the same device, used in the same way,
            the newest counts.
        workdir: The run's folder.
    """
    measured: list[_Measured] = []
    reports: list[ModelReport | Note] = []
    for path in newest_first(benchmarks):
        try:
            measured += _read_benchmark(path)
        except FAULTS as fault:
            reports.append(note_left_out(path, fault))
    for path in sidecars:
        try:
            reports += _describe_file(path, workdir, measured)
        except FAULTS as fault:
            reports.append(note_left_out(path, fault))
    return reports


@dataclasses.dataclass(frozen=True)
class _Measured:
    """What was measured of a model.

    Args:
        model: What the benchmark calls it: by its path, or, that of a quickstart, by its name.
        latency: What was measured, and where.
        sha256: Hash of the model's file; `None` in benchmarks of earlier versions.
    """

    model: str
    latency: MeasuredLatency
    sha256: str | None

    @property
    def signature(self) -> str | None:
        """The signature of an elastic file that ran; `None` of another file."""
        return self.model.partition(_BEFORE_SIGNATURE)[2] or None

    @property
    def file(self) -> str:
        """What the benchmark calls the file that the model is in."""
        name, separator, _ = self.model.partition(_BEFORE_SIGNATURE)
        return name + separator.removesuffix(":")

    def is_of(self, path: Path, sha256: str | None) -> bool:
        """Whether it is of a file, whose hash it is compared with if it has one.

        If not, its name decides. A path was that from the folder where the benchmark was called, so only its end tells
        something: the name of the file, and that of its folder, if it is there.
        """
        if self.sha256 is not None:
            return self.sha256 == sha256
        named = Path(self.file)
        if named.suffix != path.suffix:
            return self.model == path.stem
        folder = named.parent.name
        is_same_folder = folder in ("", "..", path.resolve().parent.name)
        return is_same_folder and named.name == path.name


def _read_benchmark(path: Path) -> list[_Measured]:
    """What a file has of models that ran."""
    document = files.read_json(path, "benchmark")
    facts = _read_facts(document)
    measured = []
    for measurement in document["measurements"]:
        model = str(measurement["model"])
        latency_ms = _read_number(measurement, "latency_ms")
        if latency_ms is None:
            continue
        low_ms = _read_number(measurement, "latency_low_ms")
        high_ms = _read_number(measurement, "latency_high_ms")
        doubt = measurement.get("doubt")
        latency = MeasuredLatency(latency_ms, low_ms, high_ms, facts, None if doubt is None else str(doubt))
        measured.append(_Measured(model, latency, measurement.get("model_sha256")))
    return measured


def _read_facts(document: Mapping[str, Any]) -> dict[str, Any]:
    """On what and how the measurements of a file were made, as far as it is known."""
    facts = dict(document["device"])
    num_threads = _read_integer(facts, "num_threads")
    if num_threads is not None:
        facts["num_threads"] = num_threads
    return facts


def _choose_latencies(
    path: Path, sha256: str | None, measured: Sequence[_Measured], signature: str | None
) -> list[MeasuredLatency]:
    """The latencies of a model, one for each device and way to use it.

    Args:
        path: The model's file.
        sha256: Its hash; `None`: not known.
        measured: Measurements of all models, the newest first.
        signature: The model's, in an elastic file.
    """
    chosen: list[MeasuredLatency] = []
    kinds: list[list[Any]] = []
    for of_model in measured:
        kind = kind_of_measurement(of_model.latency.facts)
        is_of_model = of_model.signature == signature and of_model.is_of(path, sha256)
        if is_of_model and kind not in kinds:
            chosen.append(of_model.latency)
            kinds.append(kind)
    return chosen


def _describe_file(path: Path, workdir: Path, measured: Sequence[_Measured]) -> list[ModelReport]:
    """The model that a sidecar is of, or all those of an elastic file."""
    if read_kind(path) != ELASTIC_MODEL:
        sidecar = files.read_json(path, TFLITE_MODEL)
        return [_describe_model(sidecar, path, workdir, measured)]
    of_file = files.read_json(path, ELASTIC_MODEL)
    reports = []
    for signature, of_signature in of_file["signatures"].items():
        reports.append(_describe_model({**of_signature, **of_file}, path, workdir, measured, signature))
    return reports


def _describe_model(
    sidecar: Mapping[str, Any],
    path: Path,
    workdir: Path,
    measured: Sequence[_Measured],
    signature: str | None = None,
) -> ModelReport:
    """What a sidecar says of a model; of one of an elastic file, what it says of that signature and of the file."""
    gate = sidecar.get("gate") or {}
    model = path.with_name(sidecar["model"])
    name = short_path(model, workdir)
    return ModelReport(
        file=name if signature is None else f"{name}:{signature}",
        quantization=sidecar["quantization"],
        target=sidecar.get("target", ""),
        image_size=int(sidecar["image_size"]),
        size_bytes=int(sidecar["size_bytes"]),
        peak_ram_bytes=_read_integer(gate, "peak_ram_bytes"),
        accuracy=_read_accuracy(gate),
        reference_top1=_read_number(gate, "reference_top1"),
        agreement=_read_number(gate, "agreement"),
        max_relative_error=_read_number(gate, "max_relative_error"),
        num_partitions=_read_integer(gate, "num_partitions"),
        remedies=[str(remedy) for remedy in sidecar.get("remedies") or []],
        arch=_read_arch(sidecar),
        is_plain=bool(sidecar.get("is_plain")),
        latencies=_choose_latencies(model, sidecar.get("sha256"), measured, signature),
        input_type=sidecar.get("input_type", NORMALIZED),
    )


def _read_number(facts: Mapping[str, Any], name: str) -> float | None:
    """A number of a file; `None` where it has none."""
    if facts.get(name) is None:
        return None
    return float(facts[name])


def _read_integer(facts: Mapping[str, Any], name: str) -> int | None:
    """A whole number of a file; `None` where it has none."""
    if facts.get(name) is None:
        return None
    return int(facts[name])


def _read_arch(sidecar: Mapping[str, Any]) -> Arch | None:
    """The subnet that a model was made from; `None` for another network."""
    if not sidecar.get("arch"):
        return None
    return Arch.from_dict(sidecar["arch"])


def _read_accuracy(gate: Mapping[str, Any]) -> Accuracy | None:
    """The accuracy of a model on the images of its gate, with its standard error."""
    top1 = gate.get("top1")
    num_images = gate.get("num_images")
    if top1 is None or not num_images:
        return None
    count = AccuracyCount((round(top1 * num_images), 0), (num_images, 0))
    return Accuracy(top1, count.standard_error, num_images)
