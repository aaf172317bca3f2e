"""`train`: the phases of a run, one after the other, each from the weights of the one before.

By progressive shrinking the full network is trained first. Then, phase by phase, smaller kernels,
depths and widths are sampled too, so that small subnets begin with what large ones have learned.
The sandwich method has one phase, and so has the fine-tuning of one subnet, see `phases.py`.

Reference: Once-for-All, section 3.3.
"""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.cluster import check_batch_size
from ofa_tf.base.compute_precision import check_replicas
from ofa_tf.base.folder_lock import locked
from ofa_tf.base.progress import tell
from ofa_tf.base.replicas import Replicas
from ofa_tf.data.image_source import SPLITS, ImageSource
from ofa_tf.data.sources import open_source
from ofa_tf.networks.file_names import SUPERNET_FILE, check_archive
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.evaluation import Evaluator
from ofa_tf.training.phases import Phase
from ofa_tf.training.start_checks import check_start, is_finished
from ofa_tf.training.train_state import latest_checkpoint
from ofa_tf.training.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What `train` did.

    Args:
        trained: The phases that it trained to their end; none if all were finished before.
        evaluator: Of the network after the last phase, traced and ready; `None` if
            nothing was trained, and so no network built.
    """

    trained: tuple[Phase, ...]
    evaluator: Evaluator | None


def train(
    config: TrainConfig,
    phases: Sequence[Phase],
    resume: bool = False,
    replicas: Replicas | None = None,
) -> TrainResult:
    """Run phases one after the other, each from the checkpoint of the one before.

    The network after each phase lies in the workdir, see `load_supernet`. With several workers,
    all must see the workdir; the first one writes to it.

    Args:
        config: Settings.
        phases: From `select_phases`.
        resume: Skip finished phases and continue one that was interrupted.
        replicas: What computes together; one device by default.

    Raises:
        InputError: If there are several replicas that cannot share a batch equally, or shall
            compute in float16, an earlier phase is missing,
            a phase was already begun and `resume` is false, settings differ from those of
            the phases already trained, a checkpoint is damaged, the data cannot be read, or
            another program trains in the workdir.
        KeyboardInterrupt: After Ctrl-C or SIGTERM, when a checkpoint is written.
    """
    replicas = replicas or Replicas()
    check_batch_size(config.batch_size, replicas.num_replicas)
    check_replicas(config.mixed_precision, replicas.num_replicas)
    check_start(config, phases, resume)
    lock = locked(config.workdir) if replicas.is_first_worker else contextlib.nullcontext()
    with lock:
        replicas.wait_for_all()  # nobody else writes from now on, and all workers see the same
        unfinished = tuple(phase for phase in phases if not is_finished(config, phase))
        return _train_unfinished(config, unfinished, resume, replicas)


def _train_unfinished(
    config: TrainConfig,
    unfinished: tuple[Phase, ...],
    resume: bool,
    replicas: Replicas,
) -> TrainResult:
    """Train phases that are not finished."""
    if not unfinished:
        if replicas.is_first_worker:
            _put_network_back(config)
        return TrainResult(trained=(), evaluator=None)
    source = open_source(
        config.dataset,
        config.data_dir,
        config.download,
        config.validation_fraction,
        num_validation_images=config.num_validation_images,
    )
    trainer = Trainer(config, source, replicas)
    if replicas.is_first_worker:
        tell(_describe_images(source))
        config.save()
    for phase in unfinished:
        trainer.run_phase(phase, resume)
    return TrainResult(unfinished, trainer.evaluator)


def _describe_images(source: ImageSource) -> str:
    """How many images there are for what."""
    counts = {split: f"{source.num_examples(split):,}" for split in SPLITS}
    return (
        f"images of {source.num_classes:,} classes: {counts['train']} to train on, {counts['validation']} for "
        f"validation, {counts['test']} for testing"
    )


def _put_network_back(config: TrainConfig) -> None:
    """Put the network of the last finished phase back where later steps look for it, if it is not there."""
    target = Path(config.workdir) / SUPERNET_FILE
    if target.exists():
        return
    last = [phase for phase in config.run_phases if is_finished(config, phase)][-1]
    checkpoint = latest_checkpoint(config.workdir, last)
    if checkpoint is None:
        return
    network = checkpoint / SUPERNET_FILE
    check_archive(network)
    files.write_bytes(target, network.read_bytes())
