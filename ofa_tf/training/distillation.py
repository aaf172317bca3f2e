"""How a subnet's predictions are compared with labels and with a teacher's, by name.

Loads TensorFlow only when something is computed: the names are known to flags.
"""

import abc
import dataclasses
from typing import TYPE_CHECKING

from ofa_tf.base.errors import InputError
from ofa_tf.base.registry import Registry

if TYPE_CHECKING:
    import tensorflow as tf

CROSS_ENTROPY = "cross_entropy"


class DistillationLoss(abc.ABC):
    """The loss of a training step.

    All that predictions are compared with is one array, the targets, whatever the loss and
    whether there is a teacher: one traced graph takes it.
    """

    @abc.abstractmethod
    def num_columns(self, num_classes: int) -> int:
        """Columns of the targets."""

    @abc.abstractmethod
    def make_targets(
        self,
        labels: "tf.Tensor",
        num_classes: int,
        label_smoothing: float,
        teacher_logits: "tf.Tensor | None" = None,
        distillation_weight: float = 0.0,
    ) -> "tf.Tensor":
        """What predictions are compared with.

        Args:
            labels: int `(batch,)`.
            num_classes: Number of classes.
            label_smoothing: Share of the label spread over all classes.
            teacher_logits: `(batch, num_classes)`; `None` without a teacher.
            distillation_weight: Weight of the teacher's predictions.

        Returns:
            float32 `(batch, num_columns)`.
        """

    @abc.abstractmethod
    def __call__(self, targets: "tf.Tensor", logits: "tf.Tensor") -> "tf.Tensor":
        """The mean loss over a batch.

        Args:
            targets: From `make_targets`.
            logits: float `(batch, num_classes)`.

        Returns:
            float32 scalar.
        """


class CrossEntropy(DistillationLoss):
    """Cross entropy against labels and teacher, which is one against the sum of both."""

    def num_columns(self, num_classes: int) -> int:
        return num_classes

    def make_targets(
        self,
        labels: "tf.Tensor",
        num_classes: int,
        label_smoothing: float,
        teacher_logits: "tf.Tensor | None" = None,
        distillation_weight: float = 0.0,
    ) -> "tf.Tensor":
        from ofa_tf.training.losses import make_targets

        return make_targets(labels, num_classes, label_smoothing, teacher_logits, distillation_weight)

    def __call__(self, targets: "tf.Tensor", logits: "tf.Tensor") -> "tf.Tensor":
        from ofa_tf.training.losses import cross_entropy

        return cross_entropy(targets, logits)


@dataclasses.dataclass(frozen=True)
class AlphaDivergence(DistillationLoss):
    """Cross entropy against labels, adaptive alpha-divergence from the teacher.

    A divergence is not linear in the teacher's probabilities as cross entropy is, so that the
    targets hold both apart: the labels', the logarithms of the teacher's probabilities, and the
    weight of the teacher, which is 0 where there is none.

    Args:
        alphas: See `adaptive_alpha_divergence`.
        largest_ratio: See there.

    Raises:
        InputError: If an alpha is 0, for which the divergence has another form.

    Reference: AlphaNet, Wang et al., ICML 2021 (arXiv 2102.07954); there, taught subnets do not look at labels.
    """

    alphas: tuple[float, float] = (-1.0, 1.0)
    largest_ratio: float = 5.0

    def __post_init__(self) -> None:
        if 0 in self.alphas:
            raise InputError(f"Expected `alphas` to be other than 0. Received: alphas={self.alphas}.")

    def num_columns(self, num_classes: int) -> int:
        return 2 * num_classes + 1

    def make_targets(
        self,
        labels: "tf.Tensor",
        num_classes: int,
        label_smoothing: float,
        teacher_logits: "tf.Tensor | None" = None,
        distillation_weight: float = 0.0,
    ) -> "tf.Tensor":
        import tensorflow as tf

        from ofa_tf.training.losses import make_targets

        of_labels = make_targets(labels, num_classes, label_smoothing)
        if teacher_logits is None:
            of_teacher = tf.zeros_like(of_labels)
            weight = 0.0
        else:
            of_teacher = tf.nn.log_softmax(tf.cast(teacher_logits, tf.float32))
            weight = distillation_weight
        weights = tf.fill((tf.shape(of_labels)[0], 1), tf.constant(weight, tf.float32))
        return tf.concat([of_labels, of_teacher, weights], axis=-1)

    def __call__(self, targets: "tf.Tensor", logits: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        from ofa_tf.training.alpha_divergence import adaptive_alpha_divergence
        from ofa_tf.training.losses import cross_entropy

        num_classes = logits.shape[-1]
        of_labels, of_teacher, weights = tf.split(targets, [num_classes, num_classes, 1], axis=-1)
        divergences = adaptive_alpha_divergence(of_teacher, logits, self.alphas, self.largest_ratio)
        return cross_entropy(of_labels, logits) + tf.reduce_mean(weights[:, 0] * divergences)


# By name; `--distillation_loss` picks one.
DISTILLATION_LOSSES: Registry[DistillationLoss] = Registry("distillation loss")
DISTILLATION_LOSSES.register(CROSS_ENTROPY, CrossEntropy())
DISTILLATION_LOSSES.register("alpha_divergence", AlphaDivergence())
