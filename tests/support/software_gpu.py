"""A GPU in software for LiteRT's GPU accelerator: SwiftShader, the Vulkan that Chromium brings."""

import ctypes.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.support.repository import ROOT

DRIVER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")  # of Debian's package chromium-common
_PROGRAM = ROOT / "tests" / "support" / "run_on_gpu.py"
_TIMEOUT_S = 300


def find_missing() -> str | None:
    """What is missing for a GPU in software; `None`: nothing."""
    if ctypes.util.find_library("vulkan") is None:
        return "the library libvulkan.so.1 (Debian: libvulkan1)"
    if not DRIVER.is_file():
        return f"SwiftShader at {DRIVER} (Debian: chromium-common)"
    return None


def run_on_gpu(content: bytes, images: np.ndarray | None, folder: Path) -> tuple[np.ndarray, str]:
    """Run a model on the GPU, in a process of its own.

    Args:
        content: Of the `.tflite` file, of batch 1.
        images: As the model takes them; `None`: it is only loaded.
        folder: For files in between.

    Returns:
        The outputs, `(n, num_classes)`; and `"fully accelerated"`, or `"partly accelerated"` where the CPU runs some
        operators.
    """
    model_path, images_path, outputs_path = folder / "model.tflite", folder / "images.npy", folder / "outputs.npy"
    model_path.write_bytes(content)
    arguments = [str(model_path)]
    if images is not None:
        np.save(images_path, images)
        arguments += [str(images_path), str(outputs_path)]
    finished = subprocess.run(
        [sys.executable, str(_PROGRAM), *arguments],
        env={**os.environ, "VK_ICD_FILENAMES": str(DRIVER)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    outputs = np.zeros((0, 0)) if images is None else np.load(outputs_path)
    return outputs, finished.stdout.strip().splitlines()[-1]
