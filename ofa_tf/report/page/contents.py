"""What the report shows, as plain data: `ReportData` and what it is made of.

Who knows a run gathers it (`ofa_tf.workflow.report_data`); the other modules of this folder turn it into a page.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

from ofa_tf.search.predictors.cross_validation import PredictorQuality
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.graph.input_format import NORMALIZED
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import form_name


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """A top-1 accuracy with its error.

    Args:
        top1: In [0, 1].
        error: Standard error of a measurement, or standard deviation of a prediction.
        num_images: Images that it was measured on; `None`: it was not measured, or their number is not known.
    """

    top1: float
    error: float
    num_images: int | None = None


class Section(enum.Enum):
    """The sections of the report."""

    SUBNETS = "subnets"
    DEVICES = "devices"
    PREDICTIONS = "predictions"
    TRAINING = "training"
    MODELS = "models"


@dataclasses.dataclass(frozen=True)
class Note:
    """What a section lacks, or what is wrong with a file of it.

    Args:
        text: A sentence or two.
        command: What makes it; empty if nothing does.
    """

    text: str
    command: str = ""


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What the run is.

    Args:
        workdir: Its folder.
        space: Name of the search space.
        num_subnets: How many subnets that has, image sizes included.
        image_sizes: Pixels.
        dataset: Name of the data set.
        num_classes: Number of classes; `None` while there is no supernet.
        method: Name of the method of training.
        num_finished_phases: Phases that are finished.
        num_phases: Phases of the run; 0: its weights were imported.
        num_measured: Subnets in the accuracy table.
        logs_command: Shows the training's logs; empty where there are none.
    """

    workdir: str
    space: str
    num_subnets: int
    image_sizes: Sequence[int]
    dataset: str
    num_classes: int | None
    method: str
    num_finished_phases: int
    num_phases: int
    num_measured: int
    logs_command: str = ""


@dataclasses.dataclass(frozen=True)
class PartTime:
    """What a part of a network takes of its predicted latency.

    Args:
        part: Name of the part.
        piece: Key of its piece in the latency table; empty for what a network takes that does nothing.
        latency_ms: Milliseconds.
    """

    part: str
    piece: str
    latency_ms: float


@dataclasses.dataclass(frozen=True)
class ReportedSubnet:
    """A subnet that a search found.

    Args:
        name: How tools name it, such as `front.json:3`.
        arch: Itself.
        cost: What it costs, in the unit of its group.
        export_command: Makes a TFLite model of it.
        predicted: Accuracy that was predicted from other subnets.
        searched: Accuracy on the images that the search chose by.
        estimated: Prediction and measurement together, by which it was chosen.
        reported: Accuracy on images that nothing was chosen by.
        num_macs: Multiply-accumulates.
        size_bytes: Size of its model's file, predicted.
        peak_ram_bytes: Memory of its activations, predicted.
        predicted_ms: Latency on the group's device, predicted.
        measured_ms: The same, measured.
        measured_doubt: Why that is not to be trusted; `None` if it is.
        elsewhere_ms: Predicted latencies by the other latency tables, by their names.
        part_times: What each part takes of the predicted latency, in the order of the network.
    """

    name: str
    arch: Arch
    cost: float
    export_command: str
    predicted: Accuracy | None = None
    searched: Accuracy | None = None
    estimated: Accuracy | None = None
    reported: Accuracy | None = None
    num_macs: int | None = None
    size_bytes: int | None = None
    peak_ram_bytes: int | None = None
    predicted_ms: float | None = None
    measured_ms: float | None = None
    measured_doubt: str | None = None
    elsewhere_ms: Mapping[str, float] = dataclasses.field(default_factory=dict)
    part_times: Sequence[PartTime] = ()

    @property
    def best_known(self) -> Accuracy | None:
        """The accuracy to quote: on images that nothing was chosen by, where it was measured on such."""
        for accuracy in (self.reported, self.estimated, self.searched, self.predicted):
            if accuracy is not None:
                return accuracy
        return None

    @property
    def decisive(self) -> Accuracy | None:
        """The accuracy to choose by, so that the one to quote stays free of choice."""
        for accuracy in (self.estimated, self.predicted, self.searched):
            if accuracy is not None:
                return accuracy
        return None


@dataclasses.dataclass(frozen=True)
class SubnetGroup:
    """Subnets among which a budget picks one: a front, or what was found within several limits.

    Args:
        title: What it is, such as the file of the front.
        is_front: Whether it is a front.
        device: Id of the device of its latencies.
        target: Name of the `Target` of its models.
        precision: Name of their `Precision`.
        cost_name: What the budget limits, a name in `CONSTRAINT_KINDS`.
        subnets: In ascending order of cost.
        other_costs: Of other subnets that the search measured.
        other_top1: Their accuracies on the images that the search chose by.
        latency_error: Mean relative error of the device's latency model on networks held out; `None`: not known.
        num_held_out: Number of these networks.
        latency_doubt: Why predicted latencies are not to be trusted; `None`: nothing is against them.
        accuracy_precision: Name of the `Precision` of the models whose accuracies the search measured; `None`: not
            known.
    """

    title: str
    is_front: bool
    device: str
    precision: str
    cost_name: str
    subnets: Sequence[ReportedSubnet]
    other_costs: Sequence[float] = ()
    other_top1: Sequence[float] = ()
    latency_error: float | None = None
    num_held_out: int = 0
    latency_doubt: str | None = None
    accuracy_precision: str | None = None
    target: str = CPU.name

    @property
    def form_name(self) -> str:
        """What its models are called, see `ModelForm.name`."""
        return form_name(self.precision, self.target)


@dataclasses.dataclass(frozen=True)
class DeviceReport:
    """A latency table, and how well its model predicts.

    Args:
        name: Device and precision.
        file: The table's file.
        facts: Of the device, by name.
        image_sizes: Those that were measured, pixels.
        num_pieces: Pieces in the table.
        doubts: Pieces whose latency is not to be trusted, each with the reason.
        smallest_ms: Predicted latency of the smallest subnet.
        largest_ms: Predicted latency of the largest subnet.
        measured_ms: Of the networks held out.
        predicted_ms: The same, predicted.
        quality: See `LatencyModel.evaluate`, of the networks held out; empty if there are none.
    """

    name: str
    file: str
    facts: Mapping[str, Any]
    image_sizes: Sequence[int]
    num_pieces: int
    doubts: Sequence[str]
    smallest_ms: float
    largest_ms: float
    measured_ms: Sequence[float] = ()
    predicted_ms: Sequence[float] = ()
    quality: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class AccuracyReport:
    """The accuracy table, and how well a predictor predicts each of its subnets from the others.

    Args:
        predictor: Name of the predictor.
        num_images: Images that the subnets were measured on.
        measured_top1: Of each subnet.
        predicted_top1: The same, predicted from the other subnets.
        predicted_std: Standard deviations of these.
        quality: What cross-validation says.
    """

    predictor: str
    num_images: int
    measured_top1: Sequence[float]
    predicted_top1: Sequence[float]
    predicted_std: Sequence[float]
    quality: PredictorQuality


@dataclasses.dataclass(frozen=True)
class PhaseReport:
    """How the training of a phase went.

    Args:
        name: Name of the phase.
        num_epochs: Epochs that it shall have.
        is_finished: Whether it is complete.
        history: One entry an epoch, see `TrainState`.
    """

    name: str
    num_epochs: int
    is_finished: bool
    history: Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class MeasuredLatency:
    """A latency that was measured of a shipped model.

    Args:
        latency_ms: Median, milliseconds.
        low_ms: Lower end of the interval that the median lies in; `None`: not known.
        high_ms: Upper end of it.
        facts: On what and how it was measured, by name, see `DeviceFacts`.
        doubt: Why it is not to be trusted; `None` if it is.
    """

    latency_ms: float
    low_ms: float | None = None
    high_ms: float | None = None
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    doubt: str | None = None

    @property
    def device(self) -> str:
        """Id of the device; empty if it is not known."""
        return str(self.facts.get("device") or "")

    @property
    def num_threads(self) -> int | None:
        """Threads of the interpreter; `None`: not known."""
        return self.facts.get("num_threads")


@dataclasses.dataclass(frozen=True)
class ModelReport:
    """A shipped model, and what the gate said of it.

    Args:
        file: The model's file; of a model in an elastic file, with its signature: `elastic.tflite:small`.
        quantization: Name of the mode.
        target: Name of the target.
        image_size: Pixels.
        size_bytes: Size of the file, with all models that are in it.
        peak_ram_bytes: Memory of the activations.
        accuracy: On the test images.
        reference_top1: Of the network that it was made from, on the same images.
        agreement: Share of the images on which both predict the same class.
        max_relative_error: Largest difference of logits, by the largest logit of the image or of a typical image.
        num_partitions: Groups of operators that the delegate runs.
        remedies: What was done for it to pass.
        arch: The subnet that it was made from; `None`: not one of the run's space.
        is_plain: Whether it is the ordinary network that a quickstart trains for comparison.
        latencies: What was measured of it: the newest of each device and way to use it, the newest first.
        input_type: What it takes as an image, see `InputFormat`.
    """

    file: str
    quantization: str
    target: str
    image_size: int
    size_bytes: int
    peak_ram_bytes: int | None
    accuracy: Accuracy | None
    reference_top1: float | None
    agreement: float | None
    max_relative_error: float | None
    num_partitions: int | None
    remedies: Sequence[str]
    arch: Arch | None = None
    is_plain: bool = False
    latencies: Sequence[MeasuredLatency] = ()
    input_type: str = NORMALIZED


@dataclasses.dataclass(frozen=True)
class ReportData:
    """All that the report shows.

    Args:
        run: What the run is.
        groups: Fronts, the newest first, then what was found within limits.
        devices: Latency tables.
        accuracy: The accuracy table; `None` where there is none, or too little in it.
        phases: Of the training, in order.
        models: Shipped models.
        notes: What is missing or wrong, by section.
    """

    run: RunFacts
    groups: Sequence[SubnetGroup] = ()
    devices: Sequence[DeviceReport] = ()
    accuracy: AccuracyReport | None = None
    phases: Sequence[PhaseReport] = ()
    models: Sequence[ModelReport] = ()
    notes: Mapping[Section, Sequence[Note]] = dataclasses.field(default_factory=dict)
