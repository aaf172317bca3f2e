"""`QuickstartSettings`: the sizes of a quickstart's steps. Loads neither TensorFlow nor Keras."""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_model import MIN_ARCHS_FOR_EXPONENT
from ofa_tf.search.predictors.accuracy_predictor import MIN_ARCHS_FOR_PREDICTOR
from ofa_tf.tflite.conversion.options import ExportOptions

_SMALLEST = {"num_archs": MIN_ARCHS_FOR_PREDICTOR, "num_networks": MIN_ARCHS_FOR_EXPONENT}


@dataclasses.dataclass(frozen=True)
class QuickstartModels:
    """A way to ship each network, and the keys of the model's facts in a row of the summary.

    Args:
        name: What models of the kind are called.
        precision: Name of the `Precision` that they have.
        quantization: How they are quantized.
        size_key: Key of the file's size, bytes.
        top1_key: Key of the accuracy.
        path_key: Key of the file.
        latency_key: Key of the measured latency, milliseconds.
    """

    name: str
    precision: str
    quantization: str
    size_key: str
    top1_key: str
    path_key: str
    latency_key: str


QUICKSTART_MODELS = {
    "float32": QuickstartModels(
        name="float",
        precision="float32",
        quantization="none",
        size_key="size_bytes",
        top1_key="float_top1",
        path_key="tflite_float",
        latency_key="latency_ms",
    ),
    "int8": QuickstartModels(
        name="int8",
        precision="int8",
        quantization="int8",
        size_key="int8_size_bytes",
        top1_key="int8_top1",
        path_key="tflite_int8",
        latency_key="int8_latency_ms",
    ),
}


@dataclasses.dataclass(frozen=True)
class QuickstartSettings:
    """Sizes of the steps after training.

    Args:
        precision: Name of the `Precision` that budgets and predicted latencies are of, a key of `QUICKSTART_MODELS`.
            int8 models are what one puts on a phone.
        num_archs: Subnets whose accuracy is measured.
        num_networks: Whole networks that calibrate the latency model; half as many others check it.
        num_generations: Length of each search.
        num_finalists: Archs that are measured at the end of each search.
        budget_fractions: Where the latency budgets lie between the smallest
            (0) and the largest (1) subnet's predicted latency, on a logarithmic
            scale.
        max_accuracy_drop: See `ExportOptions`.

    Raises:
        InputError: If a value would fail what comes after the training.
    """

    precision: str = "int8"
    num_archs: int = 100
    num_networks: int = 6
    num_generations: int = 200
    num_finalists: int = 3
    budget_fractions: tuple[float, ...] = (0.2, 0.4, 0.6)
    max_accuracy_drop: float = 0.01

    def __post_init__(self) -> None:
        if self.precision not in QUICKSTART_MODELS:
            raise InputError(
                f"Expected `precision` to be one of {list(QUICKSTART_MODELS)}. Received: precision={self.precision!r}."
            )
        for name, minimum in _SMALLEST.items():
            number = getattr(self, name)
            if number < minimum:
                raise InputError(f"Expected `{name}` to be at least {minimum}. Received: {name}={number}.")
        ExportOptions(max_accuracy_drop=self.max_accuracy_drop)

    @property
    def models(self) -> QuickstartModels:
        """The models of the precision."""
        return QUICKSTART_MODELS[self.precision]
