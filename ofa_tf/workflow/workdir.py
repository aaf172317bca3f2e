"""`Workdir`: the folder of one training run, as the tools after training see it."""

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.devices.opening import open_device
from ofa_tf.latency.latency_model import LatencyModel
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.lowering.lower import choose_lowerings
from ofa_tf.tflite.quantization.precisions import get_precision
from ofa_tf.training.config import TrainConfig

# TensorFlow is loaded with the supernet: mistakes that have nothing to do with it need not wait for it.
if TYPE_CHECKING:
    from ofa_tf.data.image_source import ImageSource
    from ofa_tf.networks.supernet import Supernet
    from ofa_tf.training.evaluation import Evaluator


class Workdir:
    """What a finished training run left, loaded when first needed.

    Args:
        path: The run's `--workdir`.
        evaluator: One of the run's supernet, if the training has just ended in
            this process: loading and tracing are saved.

    Raises:
        InputError: (on access) If something is missing or damaged; the message
            says which command makes it.
    """

    def __init__(self, path: str | Path, evaluator: "Evaluator | None" = None) -> None:
        self.path = Path(path)
        if evaluator is not None:
            self.evaluator, self.supernet, self.source = evaluator, evaluator.supernet, evaluator.source

    @functools.cached_property
    def config(self) -> TrainConfig:
        """The run's configuration."""
        return TrainConfig.load(self.path)

    def check(self) -> None:
        """Check, without loading TensorFlow, that there is a training run."""
        self.config  # noqa: B018 -- raises if there is none

    @functools.cached_property
    def supernet(self) -> "Supernet":
        """The supernet of the last finished phase."""
        from ofa_tf.networks.saving import load_supernet

        announce(f"loading the supernet in {self.path}")
        supernet = load_supernet(self.path)
        if supernet.space != self.space:
            raise InputError(
                f"Expected the supernet in {self.path} to be of the search space {self.space.name!r} as it is now. "
                f"Received: one of {supernet.space.name!r} as it was. Undo the change to the space, or train or import "
                "again in another --workdir."
            )
        return supernet

    @property
    def space(self) -> SearchSpace:
        """The run's search space."""
        return get_search_space(self.config.space)

    @functools.cached_property
    def source(self) -> "ImageSource":
        """The data set the supernet was trained on."""
        from ofa_tf.data.sources import open_source

        config = self.config
        source = open_source(config.dataset, config.data_dir, validation_fraction=config.validation_fraction)
        if source.num_classes != self.supernet.num_classes:
            remedy = (
                "It changed after the training; train again in another --workdir."
                if config.phases
                else "Import the weights again, into another --workdir, with the right --dataset."
            )
            raise InputError(
                f"Expected the data set {source.name!r} to have the supernet's {self.supernet.num_classes} classes. "
                f"Received: {source.num_classes}. {remedy}"
            )
        return source

    @functools.cached_property
    def evaluator(self) -> "Evaluator":
        """Measures subnets on the run's data set."""
        from ofa_tf.training.evaluation import Evaluator

        config = self.config
        return Evaluator(
            self.supernet, self.source, config.augmentation, config.num_calibration_images, seed=config.seed
        )

    @functools.cached_property
    def network_id(self) -> str:
        """SHA-256 of the supernet's file: measurements of another network are not mixed with this one's."""
        from ofa_tf.networks.saving import SUPERNET_FILE

        self.supernet  # noqa: B018 -- checks that the file is there and whole
        return hashlib.sha256((self.path / SUPERNET_FILE).read_bytes()).hexdigest()

    @property
    def accuracy_table_path(self) -> Path:
        """Where the accuracy table lies."""
        return self.path / "accuracy_table.json"

    def latency_table_path(self, device_id: str, precision: str) -> Path:
        """Where the latency table of a device lies."""
        return self.path / "latency_tables" / f"{files.safe_name(device_id)}_{precision}.json"

    def latency_model(
        self, device_id: str, precision: str = "float32", latency_table: Path | None = None
    ) -> LatencyModel:
        """The latency model of a device, from its table; by default that at `latency_table_path`.

        Raises:
            InputError: If there is no table, it is of another device or precision,
                its pieces were exported in another way, or that of the host was
                measured on another computer or with another runtime.
        """
        path = latency_table or self.latency_table_path(device_id, precision)
        table = LatencyTable.load(path, self.space)
        found = (table.device.get("device"), table.precision)
        if found != (device_id, precision):
            raise InputError(
                f"Expected {path} to be a latency table of {device_id}, {precision}. "
                f"Received: one of {', '.join(map(str, found))}. "
                "Name another device or precision, or build that table with tools/build_latency_table.py."
            )
        table.check_device(open_device(device_id).known_facts().to_dict())
        lowering = choose_lowerings(integer_activations=get_precision(precision).has_integer_activations)
        if table.lowering != lowering:
            raise InputError(
                f"Expected a latency table of pieces exported with the rewrites {list(lowering)}. "
                f"Received: one with {list(table.lowering)}. Build it again with tools/build_latency_table.py."
            )
        return LatencyModel(self.space, table)

    def check_tables(
        self, device_id: str | None, precision: str = "float32", latency_table: Path | None = None
    ) -> None:
        """Check that the tables that a search needs are there: that of accuracies and that of a device, if any.

        Args:
            device_id: Device of the latency table; `None`: none is needed.
            precision: Precision of its models.
            latency_table: The table; by default that at `latency_table_path`.

        Raises:
            InputError: If there is no training run or no such device; else names
                each table that is missing and the command that builds it.
        """
        self.check()
        if device_id is not None:
            open_device(device_id)
        commands = {self.accuracy_table_path: "build_accuracy_table.py"}
        if device_id is not None:
            path = latency_table or self.latency_table_path(device_id, precision)
            output = "" if latency_table is None else f" --output={latency_table}"
            commands[path] = f"build_latency_table.py --device={device_id} --precision={precision}{output}"
        missing = {path: command for path, command in commands.items() if not path.is_file()}
        if missing:
            builds = " and ".join(f"python tools/{command} --workdir={self.path}" for command in missing.values())
            raise InputError(
                f"Expected tables at {' and '.join(map(str, missing))}. Received: no such files. Build with: {builds}."
            )

    def parse_archs(self, text: str, seed: int = 0) -> dict[str, Arch]:
        """Archs that `--arch` stands for, by name.

        Args:
            text: Path of an arch JSON file, `min`, `max` or `random:N`.
            seed: Decides the random ones.

        Raises:
            InputError: If it is none of these.
        """
        if text == "min":
            return {"min": self.space.smallest()}
        if text == "max":
            return {"max": self.space.largest()}
        if text.startswith("random:"):
            return {f"random_{index}": arch for index, arch in enumerate(_draw(self.space, text, seed))}
        if not Path(text).is_file():
            raise InputError(
                f"Expected --arch to be an arch JSON file, min, max or random:N. Received: --arch={text}, which is no "
                "file. Find an arch with tools/search.py."
            )
        arch = Arch.load(text)
        try:
            self.space.validate(arch)
        except InputError as error:
            raise InputError(f"{text}: {error}") from error
        return {Path(text).stem: arch}


def _draw(space: SearchSpace, text: str, seed: int) -> list[Arch]:
    number = text.removeprefix("random:")
    if not number.isdigit() or int(number) < 1:
        raise InputError(f"Expected --arch=random:N with a whole number N of at least 1. Received: --arch={text}.")
    return space.decode(space.sample_genes(np.random.default_rng(seed), int(number)))
