import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch

FIELDS = {"space": "s", "image_size": 24, "depths": [2, 1], "kernel_sizes": [3, 5], "expand_ratios": [3, 0.25]}

whole = st.integers(0, 1000)
ratios = st.one_of(whole, st.floats(0, 100))
any_arch = st.builds(
    Arch,
    space=st.text(min_size=1),
    image_size=st.integers(1, 5000),
    depths=st.lists(whole).map(tuple),
    kernel_sizes=st.lists(whole).map(tuple),
    expand_ratios=st.lists(ratios).map(tuple),
    width_multipliers=st.lists(ratios).map(tuple),
    stem_depth=st.none() | whole,
)


@hypothesis.given(any_arch)
def test_json_round_trip(arch: Arch) -> None:
    document = json.loads(arch.to_json())

    assert list(document) == [field.name for field in dataclasses.fields(Arch)]
    assert Arch.from_dict(document) == arch
    assert hash(Arch.from_dict(document)) == hash(arch)


def test_json_is_one_line() -> None:
    assert "\n" not in Arch.from_dict(FIELDS).to_json()


def test_equal_values_of_other_types_give_equal_archs() -> None:
    as_numpy = Arch(
        space="s",
        image_size=np.int32(24),
        depths=np.array([2, 1]),
        kernel_sizes=np.array([3, 5], np.int64),
        expand_ratios=np.array([3, 0.25], np.float32),
    )

    arch = Arch.from_dict(FIELDS)
    assert as_numpy == arch
    assert hash(as_numpy) == hash(arch)
    assert as_numpy.to_json() == arch.to_json() == Arch.from_dict({**FIELDS, "image_size": 24.0}).to_json()
    assert {as_numpy: "found"}[arch] == "found"


def test_arch_cannot_be_changed() -> None:
    depths = [2, 1]
    arch = Arch("s", 24, depths)
    depths[0] = 7

    assert arch.depths == (2, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        arch.image_size = 28


@pytest.mark.parametrize(
    ("field", "value", "rule", "received"),
    [
        ("space", "", "the name of a search space", "space=''"),
        ("space", 3, "the name of a search space", "space=3"),
        ("image_size", 0, "a whole number of at least 1", "image_size=0"),
        ("image_size", -24, "a whole number of at least 1", "image_size=-24"),
        ("image_size", 24.5, "a whole number of at least 1", "image_size=24.5"),
        ("image_size", "24", "a whole number of at least 1", "image_size='24'"),
        ("image_size", True, "a whole number of at least 1", "image_size=True"),
        ("image_size", np.True_, "a whole number of at least 1", "image_size=np.True_"),
        ("image_size", None, "a whole number of at least 1", "image_size=None"),
        ("image_size", math.nan, "a whole number of at least 1", "image_size=nan"),
        ("image_size", math.inf, "a whole number of at least 1", "image_size=inf"),
        ("image_size", [24, 24], "a whole number of at least 1", "image_size=[24, 24]"),
        ("image_size", np.array([24, 24]), "a whole number of at least 1", "image_size=array([24, 24])"),
        ("depths", 3, "a list of numbers", "depths=3"),
        ("depths", "22", "a list of numbers", "depths='22'"),
        ("depths", [2, 2.5], "a whole number of at least 0", "depths=2.5"),
        ("depths", [2, None], "a whole number of at least 0", "depths=None"),
        ("kernel_sizes", [3, "5"], "a whole number of at least 0", "kernel_sizes='5'"),
        ("kernel_sizes", [-3], "a whole number of at least 0", "kernel_sizes=-3"),
        ("expand_ratios", [6, -0.5], "a number of at least 0", "expand_ratios=-0.5"),
        ("expand_ratios", [math.nan], "a number of at least 0", "expand_ratios=nan"),
        ("expand_ratios", [math.inf], "a number of at least 0", "expand_ratios=inf"),
        ("width_multipliers", ["wide"], "a number of at least 0", "width_multipliers='wide'"),
        ("stem_depth", 0.5, "a whole number of at least 0", "stem_depth=0.5"),
        ("stem_depth", -1, "a whole number of at least 0", "stem_depth=-1"),
    ],
)
def test_ill_formed_field_is_named_with_its_value(field: str, value: Any, rule: str, received: str) -> None:
    message = f"Expected `{field}` to be {rule}. Received: {received}."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Arch.from_dict({**FIELDS, field: value})


def test_unknown_fields_are_named() -> None:
    with pytest.raises(InputError, match=r"only the fields \['space', 'image_size', 'depths', .*also: \['ks', 'wid'\]"):
        Arch.from_dict({**FIELDS, "wid": None, "ks": [3]})


def test_missing_fields_are_named() -> None:
    with pytest.raises(InputError, match=r"fields \['image_size', 'depths'\]\. Received only: \['space'\]"):
        Arch.from_dict({"space": "s"})


def test_saved_file_is_read_back_without_its_notes(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "arch.json"
    arch = Arch.from_dict(FIELDS)

    arch.save(path, notes={"latency_ms": 3.5})

    assert Arch.load(path) == arch
    document = json.loads(path.read_text())
    assert document["schema"] == "ofa_tf/arch/1"
    assert document["notes"] == {"latency_ms": 3.5}
    assert document["versions"]["keras"][0].isdigit()
    assert document["depths"] == [2, 1]


def test_file_without_notes_and_schema_is_read(tmp_path: Path) -> None:
    path = tmp_path / "by_hand.json"
    path.write_text(json.dumps(FIELDS))

    assert Arch.load(path) == Arch.from_dict(FIELDS)
    Arch.load(path).save(tmp_path / "saved.json")
    assert "notes" not in json.loads((tmp_path / "saved.json").read_text())


def test_missing_file_is_reported_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a file at .*none\.json\. Received: no such file\. Write one with tools/"):
        Arch.load(tmp_path / "none.json")


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text('{"schema": "ofa_tf/latency_table/1"}')

    with pytest.raises(InputError, match=r"schema 'ofa_tf/arch/\.\.\.'\. Received: 'ofa_tf/latency_table/1'"):
        Arch.load(path)


@pytest.mark.parametrize(
    ("content", "received"),
    [
        ({**FIELDS, "image_size": -1}, "Received: image_size=-1."),
        ({**FIELDS, "kernel": 3}, "Received also: ['kernel']."),
        ({"space": "s", "depths": []}, "Received only: ['depths', 'space']."),
    ],
)
def test_mistake_in_a_file_is_reported_with_the_file(tmp_path: Path, content: dict, received: str) -> None:
    path = tmp_path / "arch.json"
    path.write_text(json.dumps(content))

    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: Expected .*{re.escape(received)}$"):
        Arch.load(path)


def test_number_too_large_for_a_float_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "arch.json"
    path.write_text('{"space": "s", "image_size": 1e999, "depths": []}')

    with pytest.raises(InputError, match="Received: image_size=inf"):
        Arch.load(path)
