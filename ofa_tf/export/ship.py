"""Shipping a subnet: convert it, let it through the gate, write it with its sidecar."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ofa_tf import cost
from ofa_tf.arch import Arch
from ofa_tf.errors import InputError
from ofa_tf.export.gate import Batches, Reference, compare, find_fault
from ofa_tf.export.input_format import InputFormat
from ofa_tf.export.layer_errors import LayerError, layer_errors
from ofa_tf.export.metadata import add_metadata
from ofa_tf.export.options import ExportOptions
from ofa_tf.export.sidecar import describe, save_tflite
from ofa_tf.export.tflite import inference_graph, to_tflite
from ofa_tf.presets import get_search_space

_NUM_EXAMINED_IMAGES = 4  # of which every layer's error is measured when a model fails
_NUM_RANDOM_IMAGES = 8  # that a model is checked on when there is no data set


@dataclasses.dataclass(frozen=True)
class ExportData:
    """The data set of a network, as far as exporting needs it.

    Args:
        normalization: Mean and standard deviation of the pixels, one each per
            colour channel.
        class_names: Names of the classes in the order of the logits, if known.
        representative_images: Makes arrays of normalised training images, which
            set the ranges of int8; `None`: there are none.
        test_batches: Makes batches of normalised held-out images and labels;
            `None`: there are none, and accuracies are not measured.
    """

    normalization: tuple[tuple[float, ...], tuple[float, ...]]
    class_names: tuple[str, ...] | None = None
    representative_images: Callable[[], Iterable[np.ndarray]] | None = None
    test_batches: Callable[[], Batches] | None = None

    def held_out(self, arch: Arch) -> Batches:
        """The test batches; random images without labels if there are none."""
        if self.test_batches is not None:
            return self.test_batches()
        shape = (_NUM_RANDOM_IMAGES, arch.image_size, arch.image_size, 3)
        return [(np.random.default_rng(0).standard_normal(shape, dtype=np.float32), None)]


def ship(
    subnet: keras.Model,
    arch: Arch,
    path: str | Path,
    options: ExportOptions,
    data: ExportData,
    reference: Reference | None = None,
) -> dict[str, Any]:
    """Convert a subnet, compare the result with it, and write it if it is good.

    Args:
        subnet: Plain Keras model with calibrated BN statistics.
        arch: What `subnet` is; its image size need not be a choice of the space.
        path: Target, ending in `.tflite`; the sidecar lies beside it.
        options: How to convert.
        data: Images and names.
        reference: What the subnet says of the held-out images (rounded, if the
            model takes whole numbers), if that was measured before.

    Returns:
        `path`, `size_bytes`, `top1` (`None` if it was not measured), `num_macs`,
        `num_params` and `gate`, the comparison.

    Raises:
        InputError: If the model does not pass the gate; nothing is written then.
    """
    images = None if data.representative_images is None else data.representative_images()
    input_format = InputFormat(options.input_type, *data.normalization)
    content = to_tflite(subnet, options.quantization, images, options.lowering, input_format)
    num_classes = int(subnet.output_shape[-1])
    description = describe(arch, options.quantization, num_classes, input_format, data.class_names)
    content = add_metadata(content, description)
    reference = reference or Reference.measure(subnet, _rounded(data.held_out(arch), input_format))
    report = compare(content, reference, _rounded(data.held_out(arch), input_format))
    fault = find_fault(report, options.quantization, options.max_accuracy_drop)
    if fault is not None:
        graph = inference_graph(subnet, options.quantization, options.lowering, input_format)
        images, _ = next(iter(data.held_out(arch)))
        errors = layer_errors(graph, content, input_format.denormalize(images[:_NUM_EXAMINED_IMAGES]))
        raise InputError(
            f"Expected the {options.quantization} model to agree with the network it was made from. Received: {fault}; "
            f"{_describe_errors(errors)}. {_remedy(options.quantization)} Nothing was written."
        )
    space = get_search_space(arch.space)
    parts = space.plain_parts(dataclasses.replace(arch, image_size=space.image_sizes[0])).values()
    facts = {
        "top1": report.top1,
        **cost.count_parts(parts, arch.image_size, num_classes),
        "gate": report.facts(),
    }
    save_tflite(path, content, {**description, **facts})
    return {"path": str(path), "size_bytes": len(content), **facts}


def _rounded(batches: Batches, input_format: InputFormat) -> Batches:
    """Batches of images that the model can be given exactly."""
    return ((input_format.round(images), labels) for images, labels in batches)


def _describe_errors(errors: Sequence[LayerError]) -> str:
    largest, worst = (max(errors, key=lambda entry: getattr(entry, kind)) for kind in ("error", "added"))
    return (
        f"the largest error of a layer is {largest.error:.1%} in {largest.name}, "
        f"and most is added by {worst.name} ({worst.added:.1%})"
    )


def _remedy(quantization: str) -> str:
    if quantization == "none":
        return "This is a fault of the conversion: try --lowering=none, and report it."
    return "Try more or better representative images, --quantization=float16, or allow more with --max_accuracy_drop."
