"""Shipping what a workdir or a file holds, with the images of its data set."""

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce, progress_bar
from ofa_tf.data.augmentations import get_augmentation
from ofa_tf.data.batches import calibration_batches, eval_batches, steps_per_epoch, train_batches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.preprocessing import IMAGE_MEAN, IMAGE_STD
from ofa_tf.data.sources import open_source
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.saving import load_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ACTIVATION_BITS, ExportOptions, FineTuning
from ofa_tf.tflite.shipping.ship import ExportData, ship
from ofa_tf.workflow.workdir import Workdir


def export_data(workdir: Workdir, arch: Arch, options: ExportOptions) -> ExportData:
    """The images and names of a run's data set that the export of an arch needs."""
    evaluator, config = workdir.evaluator, workdir.config
    return ExportData(
        (IMAGE_MEAN, IMAGE_STD),
        workdir.source.class_names,
        lambda: evaluator.training_images(arch.image_size, options.num_representative_images),
        lambda: evaluator.eval_batches(arch.image_size, "test"),
        functools.partial(_fine_tuning, workdir.source, arch.image_size, config.batch_size, config.augmentation),
    )


def _fine_tuning(
    source: ImageSource, image_size: int, batch_size: int, augmentation: str, options: ExportOptions
) -> FineTuning:
    """A few epochs of augmented training images, with a progress bar."""
    batch_size = min(batch_size, source.num_examples("train"))
    length = steps_per_epoch(source, batch_size)
    num_steps = options.qat_epochs * length

    def batches() -> Iterator[tuple[Any, Any]]:
        with progress_bar(num_steps, "fine-tuning", "step") as bar:
            for epoch in range(options.qat_epochs):
                for batch in train_batches(
                    source,
                    batch_size=batch_size,
                    epoch=epoch,
                    seed=0,
                    image_sizes=[image_size] * length,
                    augmentation=augmentation,
                ):
                    yield batch
                    bar.update()

    return FineTuning(batches, num_steps, options.qat_learning_rate)


def ship_subnet(workdir: Workdir, arch: Arch, path: str | Path, options: ExportOptions) -> dict[str, Any]:
    """Calibrate, cut out, convert, check on the test images and write; see `ship`."""
    evaluator = workdir.evaluator
    announce("calibrating batch normalization, converting, checking on the test images")
    evaluator.calibrate(arch)
    subnet = extract_subnet(workdir.supernet, arch)
    return ship(subnet, arch, path, options, export_data(workdir, arch, options))


def ship_subnets(
    workdir: Workdir,
    archs: Mapping[str, Arch],
    options: ExportOptions,
    on_shipped: Callable[[dict[str, Any]], None],
) -> list[str]:
    """Ship several subnets; one that cannot be shipped does not keep the others from it.

    Args:
        workdir: The run.
        archs: The subnets, by the path that each is written to.
        options: See `ship`.
        on_shipped: Called with what `ship` returns, after each that was written.

    Returns:
        What keeps the others from being written, in words.

    Raises:
        InputError: If the run itself is at fault, such as its data set.
    """
    workdir.evaluator  # noqa: B018 -- loads the run: what it lacks, each subnet would
    faults = []
    with progress_bar(len(archs), "export", "network") as bar:
        for path, arch in archs.items():
            try:
                on_shipped(ship_subnet(workdir, arch, path, options))
            except (InputError, OSError) as error:
                faults.append(f"{path}: {error}")
            bar.update()
    return faults


def ship_model(
    model_path: str | Path,
    path: str | Path,
    options: ExportOptions,
    dataset: str | None = None,
    data_dir: str | None = None,
) -> dict[str, Any]:
    """Convert and write a plain Keras subnet that no training run belongs to, such as an imported one; see `ship`.

    Args:
        model_path: The `.keras` file.
        path: Target, ending in `.tflite`.
        options: See `ship`.
        dataset: Data set of the model's classes, whose training images set the
            ranges of int8 and whose test images measure the accuracy; without
            one, int8 is not possible and the accuracy is not measured.
        data_dir: See `open_source`.

    Raises:
        InputError: If the model cannot be read, or the data set is missing where
            it is needed or has another number of classes.
    """
    announce("converting")
    subnet, arch = load_subnet(model_path)
    if dataset is None:
        if options.quantization in ACTIVATION_BITS:
            raise InputError(
                f"Expected --dataset with --quantization={options.quantization}: training images set the ranges. "
                "Received: none."
            )
        return ship(subnet, arch, path, options, ExportData((IMAGE_MEAN, IMAGE_STD)))
    source, num_classes = open_source(dataset, data_dir), int(subnet.output_shape[-1])
    if source.num_classes != num_classes:
        raise InputError(
            f"Expected the data set {source.name!r} to have the model's {num_classes} classes. "
            f"Received: {source.num_classes}."
        )
    augmentation = "imagenet"
    crop_fraction = get_augmentation(augmentation).eval_crop_fraction
    images: dict[str, Any] = {"image_size": arch.image_size, "batch_size": 32, "crop_fraction": crop_fraction}
    data = ExportData(
        (IMAGE_MEAN, IMAGE_STD),
        source.class_names,
        lambda: calibration_batches(source, num_images=options.num_representative_images, seed=0, **images),
        lambda: eval_batches(source, "test", **images),
        functools.partial(_fine_tuning, source, arch.image_size, images["batch_size"], augmentation),
    )
    return ship(subnet, arch, path, options, data)
