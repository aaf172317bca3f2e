"""`EpochMeans`: the running means of an epoch."""

import dataclasses


@dataclasses.dataclass
class EpochMeans:
    """Means over the steps taken so far.

    Args:
        num_steps: Steps taken.
        total_loss: Sum of their losses.
        total_accuracy: Sum of their accuracies.
    """

    num_steps: int = 0
    total_loss: float = 0.0
    total_accuracy: float = 0.0

    def add(self, loss: float, accuracy: float) -> None:
        """Count another step."""
        self.num_steps += 1
        self.total_loss += loss
        self.total_accuracy += accuracy

    @property
    def loss(self) -> float:
        """Mean loss."""
        return self.total_loss / self.num_steps

    @property
    def accuracy(self) -> float:
        """Mean accuracy on the training images, in [0, 1]."""
        return self.total_accuracy / self.num_steps
