"""Shipping a subnet: convert it, let it through the gate, write it with its sidecar."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.space import costs
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.draft import Draft
from ofa_tf.tflite.conversion.options import ExportOptions, FineTuning
from ofa_tf.tflite.conversion.to_tflite import make_draft
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.litert.metadata import add_metadata
from ofa_tf.tflite.shipping.gate import Batches, GateReport, Reference, compare, find_fault
from ofa_tf.tflite.shipping.layer_errors import LayerError, layer_errors
from ofa_tf.tflite.shipping.remedies import apply_remedies, keep_float
from ofa_tf.tflite.shipping.sidecar import describe, save_tflite

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
        fine_tuning: Makes what quantization-aware fine-tuning trains on.
    """

    normalization: tuple[tuple[float, ...], tuple[float, ...]]
    class_names: tuple[str, ...] | None = None
    representative_images: Callable[[], Iterable[np.ndarray]] | None = None
    test_batches: Callable[[], Batches] | None = None
    fine_tuning: Callable[[ExportOptions], FineTuning] | None = None

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

    Where int8 loses too much accuracy, what helps is tried, see `remedies.py`.

    Args:
        subnet: Plain Keras model with calibrated BN statistics.
        arch: What `subnet` is; its image size need not be a choice of the space.
        path: Target, ending in `.tflite`; the sidecar lies beside it.
        options: How to convert.
        data: Images and names.
        reference: What the subnet says of the held-out images (rounded, if the
            model takes whole numbers), if that was measured before.

    Returns:
        `path`, `size_bytes`, `remedies`, `float_layers` (with those that are fused with
        them), `top1` (`None` if it was not measured), `num_macs`, `num_params` and
        `gate`, the comparison.

    Raises:
        InputError: If the model does not pass the gate; nothing is written then.
    """
    network = _Network(subnet, arch, options, data, reference)
    draft = network.draft()
    candidates = _candidates(draft, network) if options.quantization == "int8" else iter([draft])
    first_fault = None
    for draft in candidates:
        content = network.convert(draft)
        report = network.check(content)
        fault = find_fault(report, options.quantization, options.max_accuracy_drop)
        if fault is None:
            break
        first_fault = first_fault or f"{fault}; {_describe_errors(network.layer_errors(draft, content))}"
    else:
        raise InputError(
            f"Expected the {options.quantization} model to agree with the network it was made from. "
            f"Received: {first_fault}. {_advice(options.quantization)} Nothing was written."
        )
    space = get_search_space(arch.space)
    parts = space.plain_parts(dataclasses.replace(arch, image_size=space.image_sizes[0])).values()
    facts = {
        "remedies": list(draft.remedies),
        "float_layers": list(draft.float_nodes),
        "top1": report.top1,
        **costs.count_parts(parts, arch.image_size, network.num_classes),
        "gate": report.facts(),
    }
    save_tflite(path, content, {**network.description, **facts})
    return {"path": str(path), "size_bytes": len(content), **facts}


class _Network:
    """A network to be shipped: how to convert and to judge it."""

    def __init__(
        self, subnet: keras.Model, arch: Arch, options: ExportOptions, data: ExportData, reference: Reference | None
    ) -> None:
        self._subnet, self._arch, self._options, self._data = subnet, arch, options, data
        self._input_format = InputFormat(options.input_type, *data.normalization)
        self.num_classes = int(subnet.output_shape[-1])
        self.description = describe(arch, options, self.num_classes, self._input_format, data.class_names)
        self._reference = reference
        self._last: tuple[Draft, bytes] | None = None  # that was converted

    def draft(self) -> Draft:
        """As the options say."""
        data = self._data
        return make_draft(
            self._subnet,
            self._options.quantization,
            None if data.representative_images is None else data.representative_images(),
            self._options.lowering,
            self._input_format,
            None
            if data.fine_tuning is None or self._options.quantization != "qat"
            else data.fine_tuning(self._options),
        )

    def convert(self, draft: Draft) -> bytes:
        """Content of the `.tflite` file, with metadata; that of the last draft is kept, as several ask for it."""
        if self._last is None or self._last[0] is not draft:
            self._last = (draft, add_metadata(draft.convert(), self.description))
        return self._last[1]

    def check(self, content: bytes) -> GateReport:
        """The model beside the network, on the held-out images."""
        if self._reference is None:
            self._reference = Reference.measure(self._subnet, self._rounded(self._data.held_out(self._arch)))
        return compare(content, self._reference, self._rounded(self._data.held_out(self._arch)))

    def improve(self, draft: Draft) -> Draft:
        """The draft with the remedies that bring it nearer to the network on the representative images."""
        if self._data.representative_images is None:
            return draft
        batches = [(self._input_format.round(images), None) for images in self._data.representative_images()]
        reference = Reference.measure(self._subnet, batches)
        return apply_remedies(
            draft,
            [self._input_format.denormalize(images) for images, _ in batches],
            lambda changed: compare(self.convert(changed), reference, batches).mean_kl,
        )

    def layer_errors(self, draft: Draft, content: bytes) -> list[LayerError]:
        """Of some training images, if there are any."""
        if self._data.representative_images is not None:
            images = np.asarray(next(iter(self._data.representative_images())))
        else:
            images, _ = next(iter(self._data.held_out(self._arch)))
        return layer_errors(draft.graph, content, self._input_format.denormalize(images[:_NUM_EXAMINED_IMAGES]))

    def _rounded(self, batches: Batches) -> Batches:
        """Batches of images that the model can be given exactly."""
        return ((self._input_format.round(images), labels) for images, labels in batches)


def _candidates(draft: Draft, network: _Network) -> Iterator[Draft]:
    """A draft and, as long as more is asked for, what may be better."""
    yield draft
    announce("int8 loses too much accuracy; trying what helps")
    draft = network.improve(draft)
    if draft.remedies:
        yield draft
    yield from keep_float(draft, network.layer_errors(draft, network.convert(draft)))


def _describe_errors(errors: Sequence[LayerError]) -> str:
    largest, worst = (max(errors, key=lambda entry: getattr(entry, kind)) for kind in ("error", "added"))
    return (
        f"the largest error of a layer is {largest.error:.1%} in {largest.name}, "
        f"and most is added by {worst.name} ({worst.added:.1%})"
    )


def _advice(quantization: str) -> str:
    if quantization == "none":
        return "This is a fault of the conversion: try --lowering=none, and report it."
    if quantization == "qat":
        return (
            "Train longer (--qat_epochs), or otherwise (--qat_learning_rate), or allow more with --max_accuracy_drop."
        )
    return (
        "Try --quantization=qat, more or better representative images, --quantization=float16, "
        "or allow more with --max_accuracy_drop."
    )
