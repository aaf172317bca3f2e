"""The thing a user would otherwise do: one plain Keras network, trained from scratch."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from ofa_tf.base.progress import paused, progress_bar
from ofa_tf.data.batches import steps_per_epoch, train_batches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.config import TrainConfig


def train_baseline(
    config: TrainConfig,
    source: ImageSource,
    space: SearchSpace,
    arch: Arch,
    num_epochs: int,
) -> keras.Model:
    """Train a plain Keras MobileNetV3-like network with `Model.fit`.

    Same images, augmentation, learning rate for an image, momentum, weight decay
    and label smoothing as the supernet's phase `full`, but no weight sharing, no
    elastic image size and no teacher; and batches of twice the size, which train
    such a network faster. Sets Keras's global random seed, as a script of one's
    own would.

    Args:
        config: Settings.
        source: Images.
        space: Search space of `arch`.
        arch: The network; its image size is used throughout.
        num_epochs: Epochs of training.
    """
    batch_size = min(2 * config.batch_size, source.num_examples("train"))
    num_epoch_steps = steps_per_epoch(source, batch_size)
    num_images = num_epochs * num_epoch_steps * batch_size
    keras.utils.set_random_seed(config.seed)
    model = build_subnet(space, arch, source.num_classes, config.dropout_rate)
    _start_depthwise_kernels(model)
    optimizer = _make_optimizer(config, batch_size, num_epoch_steps, num_epochs)
    optimizer.build(model.trainable_variables)  # otherwise the training function is traced twice
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=["accuracy"],
    )

    def batches() -> Iterator[tuple[Any, Any]]:
        for epoch in range(num_epochs):
            epoch_batches = train_batches(
                source,
                batch_size=batch_size,
                epoch=epoch,
                seed=config.seed,
                image_sizes=[arch.image_size] * num_epoch_steps,
                augmentation=config.augmentation,
            )
            for images, labels in epoch_batches:
                yield images, keras.ops.one_hot(labels, source.num_classes)

    with progress_bar(num_images, "plain Keras net", "img") as bar:
        model.fit(
            batches(),
            steps_per_epoch=num_epoch_steps,
            epochs=num_epochs,
            shuffle=False,
            verbose=0,
            callbacks=[_Progress(bar, batch_size)],
        )
    return model


def _start_depthwise_kernels(model: keras.Model) -> None:
    """Give depthwise kernels the variance that those of the supernet begin with, see `for_depthwise`."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            (kernel,) = layer.get_weights()
            num_channels = kernel.shape[2]
            layer.set_weights([kernel / num_channels**0.5])


def _make_optimizer(
    config: TrainConfig,
    batch_size: int,
    num_epoch_steps: int,
    num_epochs: int,
) -> keras.optimizers.Optimizer:
    """The supernet's optimizer in its first phase, as one would write it in Keras.

    Args:
        config: Settings.
        batch_size: Images in a step.
        num_epoch_steps: Steps of an epoch.
        num_epochs: Epochs of training.
    """
    settings = config.phases["full"]
    learning_rate = settings.learning_rate * batch_size / config.batch_size
    num_warmup_steps = round(settings.warmup_epochs * num_epoch_steps)
    num_decay_steps = num_epochs * num_epoch_steps - num_warmup_steps
    if num_warmup_steps == 0:
        schedule = keras.optimizers.schedules.CosineDecay(learning_rate, num_decay_steps)
    else:
        schedule = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            decay_steps=num_decay_steps,
            warmup_target=learning_rate,
            warmup_steps=num_warmup_steps,
        )
    # Keras's weight decay bypasses the momentum, which multiplies the penalty of the supernet's training.
    weight_decay = config.weight_decay / (1 - config.momentum)
    optimizer = keras.optimizers.SGD(schedule, momentum=config.momentum, nesterov=True, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


class _Progress(keras.callbacks.Callback):
    """Moves a bar with the training.

    Args:
        bar: In images.
        batch_size: Images in a step.
    """

    def __init__(self, bar: Any, batch_size: int) -> None:
        super().__init__()
        self._bar = bar
        self._batch_size = batch_size
        self._first_step = contextlib.ExitStack()  # which traces; closed when it is done

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        del logs
        self._first_step.enter_context(paused(self._bar, "first step"))

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        del batch
        logs = logs or {}
        self._first_step.close()  # does nothing after later steps
        self._bar.set_postfix(loss=f"{logs['loss']:.3f}", acc=f"{logs['accuracy']:.1%}", refresh=False)
        self._bar.update(self._batch_size)
