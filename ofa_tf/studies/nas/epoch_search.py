"""A search that goes on epoch by epoch, and from the last one when it was stopped."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from ofa_tf.base.progress import progress_bar
from ofa_tf.space.arch import Arch
from ofa_tf.studies.nas.search_task import FoundArch, SearchTask


class EpochSearch(Protocol):
    """A search in progress."""

    num_steps: int

    def run_epoch(self, epoch: int) -> Iterator[int]:
        """Take the steps of an epoch; yields after each."""
        ...

    def describe(self) -> dict[str, Any]:
        """How far it has got, as JSON-serialisable data."""
        ...

    def get_state(self) -> list[np.ndarray]:
        """All that it has learnt; `set_state` puts it back."""
        ...

    def set_state(self, arrays: Sequence[np.ndarray]) -> None:
        """Reverse `get_state`."""
        ...

    def find(self) -> Arch:
        """What it has come to, within the budget."""
        ...


def run_epochs(task: SearchTask, method: str, search: EpochSearch) -> FoundArch:
    """Run the epochs of a search, or those that are left of it.

    Args:
        task: What is looked for.
        method: Name of the method.
        search: The search, not begun.

    Returns:
        What was found. Its notes have the `history`, an entry of `describe` for each epoch.
    """
    state = task.open_state(method)
    history = []
    earlier = state.load()
    if earlier is not None:
        arrays, notes = earlier
        search.set_state(arrays)
        history = notes["history"]
    batch_size = task.config.batch_size
    with progress_bar(search.num_steps * batch_size, method, "img") as bar:
        for epoch in range(len(history), task.recipe.epochs):
            for _ in search.run_epoch(epoch):
                bar.update(batch_size)
            history.append(search.describe())
            state.save(search.get_state(), {"history": history})
    return FoundArch(search.find(), {"num_steps": search.num_steps, "history": history})
