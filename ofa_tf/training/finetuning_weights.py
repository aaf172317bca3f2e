"""Weights that a fine-tuning begins with and learns from."""

from pathlib import Path

from ofa_tf.base import files
from ofa_tf.networks.extraction import copy_subnet
from ofa_tf.networks.file_names import check_archive
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.training.checkpoints import load_network
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.finetuning import Finetuning
from ofa_tf.training.finetuning_sources import TEACHER_FILE, network_file, teacher_file


def load_first_weights(finetuning: Finetuning, alone: Supernet) -> None:
    """Give a network of one subnet the weights that its run's supernet has for it, unless it begins from scratch.

    Args:
        finetuning: Which subnet of which run.
        alone: The network, changed in place.

    Raises:
        InputError: If the run's supernet is missing, damaged or of another space or number of classes.
    """
    if finetuning.from_scratch:
        return
    run = TrainConfig.load(finetuning.run)
    supernet = build_supernet(run.search_space, alone.num_classes)
    load_network(network_file(finetuning), supernet)
    copy_subnet(supernet, finetuning.arch, alone)


def load_teacher(config: TrainConfig, finetuning: Finetuning, teacher: Supernet) -> None:
    """Load the teacher of a fine-tuning; its file is copied into the workdir first, if it is not there yet.

    Args:
        config: Of the fine-tuning.
        finetuning: The same one.
        teacher: Changed in place.

    Raises:
        InputError: If the teacher is missing, damaged or of another space or number of classes.
    """
    kept = Path(config.workdir) / TEACHER_FILE
    if not kept.is_file():
        source = teacher_file(finetuning)
        check_archive(source)
        files.write_bytes(kept, source.read_bytes())
    load_network(kept, teacher)
