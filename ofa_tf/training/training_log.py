"""`TrainingLog`: TensorBoard's curves of a phase.

    tensorboard --logdir=WORKDIR/logs

shows each phase in a colour of its own, one behind the other. There are curves of the steps, in groups (`train`, and
`sampled`: what subnets were drawn), and of the epochs (`epoch`, `validation`). When a run is resumed, they go on where
its checkpoint was written.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import tensorflow as tf

from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.epoch_means import EpochMeans
from ofa_tf.training.event_files import drop_events_after
from ofa_tf.training.sampled_choices import SampledChoices

# So that logging takes well below a hundredth of the time of small steps.
_STEPS_IN_GROUP = 20


class TrainingLog(contextlib.AbstractContextManager["TrainingLog"]):
    """Writes the curves of a phase.

    Args:
        folder: Where the phase's event files lie; `None`: another worker writes them.
        space: Search space of the subnets.
        num_earlier_steps: Steps of the phases before.
        num_steps: Steps of this phase that were taken before, and of which is logged.
    """

    def __init__(
        self,
        folder: Path | None,
        space: SearchSpace,
        num_earlier_steps: int = 0,
        num_steps: int = 0,
    ) -> None:
        self._num_earlier_steps = num_earlier_steps
        self._sampled_choices = SampledChoices(space)
        self._writer = None
        if folder is not None:
            drop_events_after(folder, last_step=num_earlier_steps + num_steps)
            self._writer = tf.summary.create_file_writer(str(folder))
        self._begin_group()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def log_step(
        self,
        num_steps: int,
        loss: float,
        accuracy: float,
        learning_rate: float,
        genes: np.ndarray,
    ) -> None:
        """Count a step, and write means of its group if it is the last one of it.

        Args:
            num_steps: Steps of the phase that were taken, this one included.
            loss: Of the step.
            accuracy: On its images, in [0, 1].
            learning_rate: That it was taken with.
            genes: Of its subnets, int32 `(num_subnets, num_genes)`.
        """
        if self._writer is None:
            return
        self._group.add(loss, accuracy)
        self._genes.append(genes)
        self._learning_rate = learning_rate
        if num_steps % _STEPS_IN_GROUP == 0:
            self._write_group(num_steps)

    def log_epoch(
        self,
        num_steps: int,
        epoch: Mapping[str, float],
        validation: Mapping[str, float],
    ) -> None:
        """Write what an epoch led to.

        Args:
            num_steps: Steps of the phase that were taken.
            epoch: What it was like, by name.
            validation: What the validation found, by name.
        """
        if self._writer is None:
            return
        if self._genes:
            self._write_group(num_steps)
        self._write(num_steps, "epoch", epoch)
        self._write(num_steps, "validation", validation)
        self.flush()

    def flush(self) -> None:
        """Bring to the disk what was written: before a checkpoint, so that curves lack no more than a begun group."""
        if self._writer is not None:
            self._writer.flush()

    def _begin_group(self) -> None:
        self._group = EpochMeans()
        self._genes: list[np.ndarray] = []
        self._learning_rate = 0.0

    def _write_group(self, num_steps: int) -> None:
        means = {
            "loss": self._group.loss,
            "accuracy": self._group.accuracy,
            "learning_rate": self._learning_rate,
        }
        self._write(num_steps, "train", means)
        self._write(num_steps, "sampled", self._sampled_choices.means(self._genes))
        self._begin_group()

    def _write(self, num_steps: int, group: str, values: Mapping[str, float]) -> None:
        if self._writer is None:
            return
        step = self._num_earlier_steps + num_steps
        with self._writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(f"{group}/{name}", value)
