"""Exporting networks with the images of their data set; see `ofa_tf.tflite.shipping.ship_subnet`."""

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce, progress_bar
from ofa_tf.data.augmentations import get_augmentation
from ofa_tf.data.batches import calibration_batches, eval_batches, steps_per_epoch, train_batches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.preprocessing import IMAGE_MEAN, IMAGE_STD
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.quantization.fine_tuning import FineTuning
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.origin import Origin
from ofa_tf.tflite.shipping.preprocessing import Preprocessing
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.evaluation import Evaluator
from ofa_tf.training.start_checks import unfinished_phases

_NORMALIZATION = (IMAGE_MEAN, IMAGE_STD)
_BATCH_SIZE_WITHOUT_RUN = 32  # of a network that no training run belongs to
_AUGMENTATION_WITHOUT_RUN = "imagenet"


def data_of_run(evaluator: Evaluator, config: TrainConfig, arch: Arch, options: ExportOptions) -> ExportData:
    """The images and names of a run's data set that the export of an arch needs.

    Args:
        evaluator: Of the run's supernet and data set.
        config: The run's configuration.
        arch: What is exported; its image size counts.
        options: How it is exported.
    """
    return ExportData(
        normalization=_NORMALIZATION,
        class_names=evaluator.source.class_names,
        representative_images=lambda: evaluator.training_images(arch.image_size, options.num_representative_images),
        validation_batches=lambda: evaluator.eval_batches(arch.image_size, "validation"),
        test_batches=lambda: evaluator.eval_batches(arch.image_size, "test"),
        fine_tuning=functools.partial(
            _fine_tuning, evaluator.source, arch.image_size, config.batch_size, config.augmentation
        ),
        preprocessing=_preprocessing(config.augmentation),
        data_set=_describe_training(evaluator.source, config),
    )


def data_of_source(source: ImageSource, arch: Arch, options: ExportOptions) -> ExportData:
    """The same for a network that no training run belongs to.

    Args:
        source: Images of the network's classes.
        arch: What is exported; its image size counts.
        options: How it is exported.
    """
    images: dict[str, Any] = {
        "image_size": arch.image_size,
        "batch_size": _BATCH_SIZE_WITHOUT_RUN,
        "crop_fraction": get_augmentation(_AUGMENTATION_WITHOUT_RUN).eval_crop_fraction,
    }
    num_images = options.num_representative_images
    return ExportData(
        normalization=_NORMALIZATION,
        class_names=source.class_names,
        representative_images=lambda: calibration_batches(source, num_images=num_images, seed=0, **images),
        validation_batches=lambda: eval_batches(source, "validation", **images),
        test_batches=lambda: eval_batches(source, "test", **images),
        fine_tuning=functools.partial(
            _fine_tuning, source, arch.image_size, _BATCH_SIZE_WITHOUT_RUN, _AUGMENTATION_WITHOUT_RUN
        ),
        preprocessing=_preprocessing(_AUGMENTATION_WITHOUT_RUN),
        data_set={"name": source.name},  # what the network was trained on is not known
    )


def _preprocessing(augmentation: str) -> Preprocessing:
    """What test images go through with an augmentation of this name."""
    return Preprocessing(get_augmentation(augmentation).eval_crop_fraction)


def _describe_training(source: ImageSource, config: TrainConfig) -> dict[str, Any]:
    """What a sidecar says of the data set that a network was trained on, and of what is left of its training."""
    described: dict[str, Any] = {"name": source.name, "num_train_images": source.num_examples("train")}
    phases_left = [phase.name for phase in unfinished_phases(config)]
    if phases_left:
        described["unfinished_phases"] = phases_left
    return described


def export_subnet(
    evaluator: Evaluator,
    config: TrainConfig,
    arch: Arch,
    path: str | Path,
    options: ExportOptions,
    *,
    limits: Mapping[str, float] | None = None,
    origin: Origin | None = None,
) -> dict[str, Any]:
    """Calibrate a subnet, cut it out, convert it, check it on the test images and write it.

    Args:
        evaluator: Of the run's supernet and data set.
        config: The run's configuration.
        arch: The subnet.
        path: Target, ending in `.tflite`.
        options: How to convert.
        limits: What the file must keep within, see `ship`.
        origin: Where the model comes from, see `ship`.

    Returns:
        Facts about the model, see `ship`.

    Raises:
        InputError: If the model does not pass the gate, or breaks a limit; nothing is
            written then.
    """
    announce("calibrating batch normalization, converting, checking on validation and test images")
    evaluator.calibrate(arch)
    subnet = extract_subnet(evaluator.supernet, arch)
    data = data_of_run(evaluator, config, arch, options)
    return ship(subnet, arch, path, options, data, limits=limits, origin=origin)


def export_all(
    archs: Mapping[str, Arch],
    export_one: Callable[[Arch, str], dict[str, Any]],
    on_exported: Callable[[dict[str, Any]], None],
) -> list[str]:
    """Export several subnets; one that cannot be exported does not keep the others from it.

    Args:
        archs: The subnets, by the path that each is written to.
        export_one: Exports a subnet to a path and returns facts about the model.
        on_exported: Called with the facts after each that was written.

    Returns:
        What keeps the others from being written, in words.
    """
    faults = []
    with progress_bar(len(archs), "export", "network") as bar:
        for path, arch in archs.items():
            try:
                on_exported(export_one(arch, path))
            except (InputError, OSError) as error:
                faults.append(f"{path}: {error}")
            bar.update()
    return faults


def export_model(
    subnet: keras.Model,
    arch: Arch,
    path: str | Path,
    options: ExportOptions,
    source: ImageSource | None = None,
    origin: Origin | None = None,
) -> dict[str, Any]:
    """Convert and write a plain Keras subnet that no training run belongs to, such as an imported one.

    Args:
        subnet: The network, see `load_subnet`.
        arch: What it is.
        path: Target, ending in `.tflite`.
        options: How to convert.
        source: Images of the model's classes: training images set the ranges of int8,
            test images measure the accuracy. Without them, int8 is not possible and
            the accuracy is not measured.
        origin: Where the model comes from, see `ship`.

    Returns:
        Facts about the model, see `ship`.

    Raises:
        InputError: If the data set is missing where it is needed, or has another
            number of classes.
    """
    if source is None:
        if options.mode.needs_images:
            raise InputError(
                f"Expected --dataset with --quantization={options.quantization}: training images set the ranges. "
                "Received: none."
            )
        return ship(subnet, arch, path, options, ExportData(_NORMALIZATION), origin=origin)
    num_classes = int(subnet.output_shape[-1])
    if source.num_classes != num_classes:
        raise InputError(
            f"Expected the data set {source.name!r} to have the model's {num_classes} classes. "
            f"Received: {source.num_classes}."
        )
    return ship(subnet, arch, path, options, data_of_source(source, arch, options), origin=origin)


def _fine_tuning(
    source: ImageSource, image_size: int, batch_size: int, augmentation: str, options: ExportOptions
) -> FineTuning:
    """A few epochs of augmented training images, with a progress bar."""
    batch_size = min(batch_size, source.num_examples("train"))
    epoch_length = steps_per_epoch(source, batch_size)
    num_steps = options.qat_epochs * epoch_length

    def batches() -> Iterator[tuple[Any, Any]]:
        with progress_bar(num_steps, "fine-tuning", "step") as bar:
            for epoch in range(options.qat_epochs):
                batches_of_epoch = train_batches(
                    source,
                    batch_size=batch_size,
                    epoch=epoch,
                    seed=0,
                    image_sizes=[image_size] * epoch_length,
                    augmentation=augmentation,
                )
                for batch in batches_of_epoch:
                    yield batch
                    bar.update()

    return FineTuning(batches, num_steps, options.qat_learning_rate)
