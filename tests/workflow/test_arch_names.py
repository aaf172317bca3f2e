import json
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.workflow.arch_names import parse_arch_list, parse_archs
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


def test_the_archs_of_a_front_are_named_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    archs = [MICRO.smallest(), MICRO.largest()]
    entries = [{"arch": arch.to_dict(), "top1": 0.5} for arch in archs]
    path.write_text(json.dumps({"schema": "ofa_tf/front/1", "entries": entries}))
    assert parse_archs(MICRO, str(path)) == {"front_0": archs[0], "front_1": archs[1]}
    assert parse_archs(MICRO, f"{path}:1") == {"front_1": archs[1]}
    with pytest.raises(InputError, match=r"with N from 0 to 1. Received: --arch=.*front.json:2\."):
        parse_archs(MICRO, f"{path}:2")
    for wrong in ([{"top1": 0.5}], 7, [3]):
        path.write_text(json.dumps({"entries": wrong}))
        with pytest.raises(InputError, match=r"Expected each of the `entries` of .*front.json to have an `arch`"):
            parse_archs(MICRO, str(path))
    path.write_text(json.dumps({"entries": [{"arch": {**archs[0].to_dict(), "image_size": 17}}]}))
    with pytest.raises(InputError, match=r"front.json: Expected .*17"):
        parse_archs(MICRO, str(path))


def test_files_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    texts = []
    for folder, arch in (("a", MICRO.smallest()), ("b", MICRO.largest())):
        path = tmp_path / folder / "found.json"
        arch.save(path)
        texts.append(str(path))
    archs = parse_arch_list(MICRO, ["min", *texts])
    assert archs == {"min": MICRO.smallest(), "found": MICRO.smallest(), texts[1]: MICRO.largest()}
