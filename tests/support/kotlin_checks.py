"""What generated Kotlin gave a model, and what it made of the answer, beside what it should be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def check_input(path: Path, values: np.ndarray) -> None:
    """Check what a model was given, which LiteRT's stand-in wrote to a file."""
    given = np.fromfile(path, values.dtype).reshape(values.shape)
    if np.issubdtype(values.dtype, np.integer):
        steps = np.abs(given.astype(int) - values.astype(int))
        assert steps.max() <= 1  # where a value lies in the middle of two
        assert (steps > 0).mean() < 0.01
    else:
        np.testing.assert_allclose(given, values, atol=1e-4)


def check_guesses(lines: Sequence[str], logits: np.ndarray, labels: Sequence[str]) -> None:
    """Check lines of a share and a label: the five likeliest classes."""
    powers = np.exp(logits - logits.max())
    shares = powers / powers.sum()
    order = np.argsort(-shares, kind="stable")[:5]
    told = [line.split(" ", 1) for line in lines]
    assert [label for _, label in told] == [labels[index] for index in order]
    np.testing.assert_allclose([float(share) for share, _ in told], shares[order], rtol=1e-4)
