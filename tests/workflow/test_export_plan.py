"""What an export would write is known, and refused where it must be, before the work begins."""

from pathlib import Path

import pytest

from ofa_tf.tflite.quantization.modes import FLOAT16, INT8, NOT_QUANTIZED, QAT, QuantizationMode
from ofa_tf.workflow.export_plan import find_other_precision
from tests.support.spaces import SMALL


@pytest.mark.parametrize(
    ("precision", "mode", "other"),
    [
        ("float32", NOT_QUANTIZED, None),
        ("float32", FLOAT16, "float32"),
        ("float32", INT8, "float32"),
        ("int8", INT8, None),
        ("int8", QAT, None),
        ("int8", NOT_QUANTIZED, "int8"),
        ("int3", INT8, "int3"),
    ],
)
def test_an_arch_that_was_searched_in_another_precision_is_noticed(
    precision: str, mode: QuantizationMode, other: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "arch.json"
    SMALL.smallest().save(path, notes={"precision": precision})
    assert find_other_precision(str(path), mode) == other


def test_nothing_is_known_of_archs_without_notes(tmp_path: Path) -> None:
    SMALL.smallest().save(tmp_path / "arch.json")
    assert find_other_precision(str(tmp_path / "arch.json"), INT8) is None
    assert find_other_precision("max", INT8) is None
