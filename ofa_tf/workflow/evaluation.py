"""What there is to say of subnets that are evaluated: what they cost, and what they get right."""

from typing import Any

from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.report.subnet_costs import SubnetCosts
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.space.arch import Arch
from ofa_tf.space.costs import num_macs
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.footprint.footprint import footprint_of_form
from ofa_tf.tflite.quantization.model_form import ModelForm


def describe_evaluation(
    space: SearchSpace,
    num_classes: int,
    arch: Arch,
    measured: AccuracyCount,
    form: ModelForm,
    latency_model: LatencyModel | None = None,
) -> dict[str, Any]:
    """What a subnet costs and what it gets right, as JSON-serialisable data.

    Args:
        space: Search space of the subnet.
        num_classes: Number of classes.
        arch: The subnet.
        measured: What it gets right.
        form: Of the shipped model, which its size depends on.
        latency_model: Predicts its latency; `None` if there is no such prediction.

    Returns:
        `image_size` (pixels), `num_macs`, `size_bytes` (of the file, predicted), `latency_ms` (predicted, or `None`),
        `latency_doubt` (why that is not to be trusted, or `None`), `top1`, `standard_error`, `num_correct` and
        `num_images`.
    """
    costs = predict_costs(space, num_classes, arch, form, latency_model)
    return {
        "image_size": arch.image_size,
        "num_macs": costs.num_macs,
        "size_bytes": costs.size_bytes,
        "latency_ms": costs.latency_ms,
        "latency_doubt": costs.predicted_doubt,
        "top1": measured.top1,
        "standard_error": measured.standard_error,
        "num_correct": sum(measured.num_correct),
        "num_images": sum(measured.num_images),
    }


def predict_costs(
    space: SearchSpace,
    num_classes: int,
    arch: Arch,
    form: ModelForm,
    latency_model: LatencyModel | None = None,
    device: str = "",
) -> SubnetCosts:
    """What a subnet costs; see `describe_evaluation`.

    Args:
        space: Search space of the subnet.
        num_classes: Number of classes.
        arch: The subnet.
        form: Of the shipped model.
        latency_model: Predicts its latency; `None` if there is no such prediction.
        device: Id of the device of the latency.
    """
    latency_ms = None
    doubt = None
    if latency_model is not None:
        latency_ms = float(latency_model.predict(arch))
        doubt = latency_model.table.doubt
    return SubnetCosts(
        device=device,
        num_macs=int(num_macs(space, arch, num_classes)),
        size_bytes=int(footprint_of_form(space, num_classes, form).size_bytes(arch)),
        latency_ms=latency_ms,
        predicted_doubt=doubt,
    )
