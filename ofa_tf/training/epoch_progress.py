"""`EpochDisplay`: the bar that shows how an epoch goes."""

import contextlib
import sys
import time
from collections.abc import Mapping

from ofa_tf.base.progress import announce, paused, progress_bar
from ofa_tf.training.epoch_means import EpochMeans
from ofa_tf.training.schedules import EpochSteps


class EpochDisplay:
    """The progress bar of an epoch, in images. A context manager.

    Args:
        title: What is trained, such as `full 1/12`.
        steps: The epoch's steps.
        batch_size: Images in a step.
        traces: Whether the first of them traces, for half a minute, or minutes with a large space.
    """

    def __init__(self, title: str, steps: EpochSteps, batch_size: int, traces: bool = False) -> None:
        self._batch_size = batch_size
        self._num_images = len(steps) * batch_size
        self._traces = traces
        self._has_stepped = False
        self._start = time.monotonic()
        self._bar = progress_bar(
            total=steps.end * batch_size,
            description=title,
            unit="img",
            initial=steps.first_step * batch_size,
        )

    def __enter__(self) -> "EpochDisplay":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def step(self) -> contextlib.AbstractContextManager[None]:
        """Around a step."""
        if self._has_stepped:
            return contextlib.nullcontext()
        self._has_stepped = True
        if self._traces and not sys.stderr.isatty():  # in a log, a bar that does not move says nothing
            announce(
                "tracing the first step (half a minute; minutes with a large space or several workers on one computer)"
            )
        return paused(self._bar, "first step")

    def show(self, means: EpochMeans) -> None:
        """Show how many of the epoch's steps are counted, and their means."""
        if not means.num_steps:
            return
        self._bar.set_postfix(loss=f"{means.loss:.3f}", acc=f"{means.accuracy:.1%}", refresh=False)
        num_images = means.num_steps * self._batch_size
        self._bar.update(max(0, num_images - self._bar.n))

    def validating(self) -> contextlib.AbstractContextManager[None]:
        """Around the validation."""
        return paused(self._bar, "validating")

    def show_result(self, means: EpochMeans, top1: Mapping[str, float]) -> None:
        """Show what the epoch led to.

        Args:
            means: Of its steps.
            top1: Name of a validated subnet -> its top-1 accuracy.
        """
        shown = {name: f"{accuracy:.1%}" for name, accuracy in top1.items()}
        self._bar.set_postfix(loss=f"{means.loss:.3f}", acc=f"{means.accuracy:.1%}", **shown)

    def images_per_second(self) -> float:
        """Images trained on over the seconds since the epoch began; to be asked after its last step."""
        return self._num_images / (time.monotonic() - self._start)
