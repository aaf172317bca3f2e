from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.workflow.arch_names import parse_archs
from tests.support.spaces import MICRO


def test_archs_are_named_by_file_ends_or_number(tmp_path: Path) -> None:
    space = MICRO
    space.smallest().save(tmp_path / "mine.json")
    assert parse_archs(space, str(tmp_path / "mine.json")) == {"mine": space.smallest()}
    assert parse_archs(space, "max") == {"max": space.largest()}
    drawn = parse_archs(space, "random:3", seed=1)
    assert list(drawn) == ["random_0", "random_1", "random_2"]
    assert drawn == parse_archs(space, "random:3", seed=1) != parse_archs(space, "random:3", seed=2)
    with pytest.raises(
        InputError, match=r"Expected --arch=random:N with a whole number N of at least 1. Received: --arch=random:x"
    ):
        parse_archs(space, "random:x")
    with pytest.raises(InputError, match=r"Expected --arch to be an arch JSON file.*Received: --arch=gone.json"):
        parse_archs(space, "gone.json")
