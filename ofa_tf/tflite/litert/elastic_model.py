"""`ElasticModel`: the models of an elastic file, of which each image gets the largest one that is quick enough.

A phone that gets hot, or has other work, becomes slower, and later quick again. So what counts is how long a model took
lately. One that is too slow is left out for some images, and then tried again; each time that it is still too slow, the
pause doubles, as in networks whose senders back off.
"""

import collections
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.interpreter import TFLiteModel

_NUM_RECENT_RUNS = 3  # whose median counts: one run that was disturbed changes nothing
_SHORTEST_PAUSE = 16  # images
_LONGEST_PAUSE = 512


class ElasticModel:
    """The models of an elastic file.

    Args:
        path: The `.tflite` file that `tools/to_tflite.py --elastic` wrote.
        num_threads: Threads of the interpreter, which all models share.

    Attributes:
        models: By their signatures, from the smallest to the largest.

    Raises:
        InputError: If the file is missing, damaged or not elastic.
    """

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        self.models = TFLiteModel.open_all(path, num_threads)
        self._pace = {signature: _Pace() for signature in self.models}

    def choose(self, deadline_ms: float) -> str:
        """The signature of the largest model that kept a deadline lately, or that has paused long enough.

        To be asked once for each image, as pauses are counted in images.

        Args:
            deadline_ms: Time for an image, milliseconds.

        Raises:
            InputError: If the deadline is not above 0.
        """
        if not deadline_ms > 0:
            raise InputError(f"Expected `deadline_ms` to be above 0. Received: deadline_ms={deadline_ms}.")
        smallest, *others = self.models
        chosen = smallest
        for signature in others:
            if self._pace[signature].is_worth_trying(deadline_ms):
                chosen = signature
        return chosen

    def note(self, signature: str, took_ms: float) -> None:
        """Take note of how long a model took for an image, for later choices.

        Args:
            signature: Of the model.
            took_ms: Milliseconds.
        """
        self._pace[signature].add(took_ms)

    def predict_within(
        self,
        images_of_size: Callable[[int], np.ndarray],
        deadline_ms: float,
    ) -> tuple[np.ndarray, str]:
        """Logits by the largest model that is expected to keep a deadline.

        Args:
            images_of_size: Makes an image of a height and width: normalised, float, of shape
                `(1, size, size, 3)`.
            deadline_ms: Time for the model, milliseconds.

        Returns:
            float32 logits of shape `(1, num_classes)`, and the signature of the model.

        Raises:
            InputError: If the deadline is not above 0.
        """
        signature = self.choose(deadline_ms)
        model = self.models[signature]
        images = images_of_size(model.image_size)
        start = time.perf_counter()
        logits = model.predict(images)
        self.note(signature, took_ms=1000 * (time.perf_counter() - start))
        return logits, signature


class _Pace:
    """How quick a model was lately, and how long it pauses where that was too slow."""

    def __init__(self) -> None:
        self._recent_ms: collections.deque[float] = collections.deque(maxlen=_NUM_RECENT_RUNS)
        self._pause = _SHORTEST_PAUSE
        self._num_left = 0  # images until the end of the pause

    def is_worth_trying(self, deadline_ms: float) -> bool:
        """Whether to use the model for the next image; each question is about another image."""
        if self._is_quick_enough(deadline_ms):
            if len(self._recent_ms) == _NUM_RECENT_RUNS:
                self._pause = _SHORTEST_PAUSE
            self._num_left = 0  # if it paused, it was for a shorter deadline
            return True
        if self._num_left == 0:
            self._num_left = self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return False
        self._num_left -= 1
        if self._num_left == 0:
            self._recent_ms.clear()  # they are old by now: the next image tells
            return True
        return False

    def add(self, took_ms: float) -> None:
        """Add a run."""
        self._recent_ms.append(took_ms)

    def _is_quick_enough(self, deadline_ms: float) -> bool:
        """Whether the median of the last runs keeps a deadline; so it is if there are none."""
        if not self._recent_ms:
            return True
        median_ms = sorted(self._recent_ms)[len(self._recent_ms) // 2]
        return median_ms <= deadline_ms
