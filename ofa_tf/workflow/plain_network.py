"""`PlainNetwork`: the plain Keras net that a quickstart is compared with, trained once and kept in the workdir."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import keras

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.networks.saving import load_subnet, save_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.baseline import train_baseline
from ofa_tf.training.config import TrainConfig
from ofa_tf.workflow.run import Run

_KIND = "plain_network"


@dataclasses.dataclass(frozen=True)
class PlainNetwork:
    """A network that was trained alone.

    Args:
        arch: What it is.
        model: The network.
        seconds: That its training took.
    """

    arch: Arch
    model: keras.Model
    seconds: float


def train_plain_network(run: Run) -> PlainNetwork:
    """Train the plain network of a run, or take the one that was trained with the same recipe before.

    Args:
        run: With the data set and the recipe.
    """
    arch = plain_arch(run.space)
    recipe = _describe_recipe(run.config)
    kept = _find_kept(run, arch, recipe)
    if kept is not None:
        return kept
    start = time.monotonic()
    model = train_baseline(run.config, run.source, run.space, arch, run.config.num_epochs)
    seconds = round(time.monotonic() - start, 1)
    save_subnet(model, arch, run.plain_network_path)
    # It comes last: where it lies, the network is complete.
    files.write_json(_notes_path(run), _KIND, {"recipe": recipe, "seconds": seconds})
    return PlainNetwork(arch, model, seconds)


def plain_arch(space: SearchSpace) -> Arch:
    """The middle kernel size, expand ratio and image size, in the smallest depth.

    In the MobileNetV3 spaces that makes 11 blocks, as many as MobileNetV3-Small has.
    """
    genes = (space.gene_counts - 1) // 2
    genes[space.depth_genes] = 0
    return space.decode_one(genes)


def _find_kept(run: Run, arch: Arch, recipe: dict[str, Any]) -> PlainNetwork | None:
    """The network that was kept; `None` where there is none, or one of another recipe."""
    if not _notes_path(run).exists():
        return None
    try:
        notes = files.read_json(_notes_path(run), _KIND)
        model, arch_of_model = load_subnet(run.plain_network_path)
    except InputError:
        return None
    if arch_of_model != arch or notes.get("recipe") != recipe:
        return None
    return PlainNetwork(arch, model, notes["seconds"])


def _describe_recipe(config: TrainConfig) -> dict[str, Any]:
    """The settings that may change in a run that is begun; all others are those of the run."""
    settings = config.phases["full"]
    return {
        "num_epochs": config.num_epochs,
        "learning_rate": settings.learning_rate,
        "warmup_epochs": settings.warmup_epochs,
    }


def _notes_path(run: Run) -> Path:
    return run.plain_network_path.with_suffix(".json")
