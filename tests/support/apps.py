"""Models in MediaPipe Tasks, which `make install-mediapipe` installs by itself: it wants other versions of packages."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_PYTHON = Path(__file__).parents[2] / ".venv/mediapipe/bin/python"
_PROGRAM = Path(__file__).with_name("run_mediapipe.py")
_TIME_LIMIT_S = 300

needs_mediapipe = pytest.mark.skipif(not _PYTHON.exists(), reason="needs `make install-mediapipe`")


def classify(model: Path, pixels: np.ndarray, folder: Path) -> Any:
    """What MediaPipe's ImageClassifier makes of images.

    Args:
        model: The `.tflite` file.
        pixels: uint8, shape `(n, height, width, 3)`.
        folder: For files on the way.

    Returns:
        For each image the categories, as `[index, name, score]`, the best first; or
        `{"error": ...}` if the model is refused.
    """
    images = folder / "images.npy"
    np.save(images, pixels)
    command = [str(_PYTHON), str(_PROGRAM), str(model), str(images)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
