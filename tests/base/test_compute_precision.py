from pathlib import Path

import pytest

from ofa_tf.base.compute_precision import check_compute_precision, get_compute_precision
from ofa_tf.base.errors import InputError

AVX512 = frozenset(["avx2", "avx512f"])


@pytest.fixture
def no_driver(tmp_path: Path) -> Path:
    return tmp_path / "absent"


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("bfloat16", "avx512_bf16"),
        ("bfloat16", "amx_bf16"),
        ("float16", "avx512_fp16"),
        ("float16", "amx_fp16"),
    ],
)
def test_a_cpu_computes_in_half_precision_if_it_has_instructions_for_it(
    no_driver: Path, name: str, feature: str
) -> None:
    check_compute_precision(name, {}, no_driver, AVX512 | {feature})
    check_compute_precision("none", {}, no_driver, AVX512)
    with pytest.raises(
        InputError,
        match=rf"Expected --mixed_precision={name} on a GPU, or a CPU with .*{feature}.* Pass --mixed_precision=none",
    ):
        check_compute_precision(name, {}, no_driver, AVX512)


def test_a_gpu_computes_in_half_precision_unless_it_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    check_compute_precision("float16", {}, tmp_path, AVX512)
    with pytest.raises(InputError, match="Received: a computer with neither"):
        check_compute_precision("float16", {"CUDA_VISIBLE_DEVICES": ""}, tmp_path, AVX512)


def test_where_nothing_is_known_of_the_cpu_it_is_left_to_try(no_driver: Path) -> None:
    check_compute_precision("float16", {}, no_driver, frozenset())


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match=r"to be one of none, bfloat16, float16\. Received: mixed_precision='float8'"):
        get_compute_precision("float8")
