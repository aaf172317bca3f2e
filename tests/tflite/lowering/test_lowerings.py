"""Names of rewrites stand for what they say, and "all" for what the target wants."""

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.lowering.lowerings import choose_lowerings, lower
from ofa_tf.tflite.lowering.targets import CPU, GPU, MCU, NPU, Target, get_target
from tests.support.random_subnets import random_subnet
from tests.support.spaces import SMALL

# A target that wants little, and other things than the CPU.
_OTHER = Target(
    name="other",
    description="another one",
    delegates=("gpu",),
    accelerators=("GPU",),
    float_lowerings=("hard_swish",),
    integer_lowerings=("fold_batch_norm",),
)


@pytest.mark.parametrize(
    ("target", "integer_activations", "chosen"),
    [
        (CPU, False, ("fold_batch_norm", "hard_sigmoid", "split_depthwise")),
        (CPU, True, ("fold_batch_norm", "hard_sigmoid", "hard_swish", "split_depthwise")),
        (GPU, False, ("fold_batch_norm", "hard_sigmoid")),
        (NPU, True, ("fold_batch_norm", "hard_sigmoid")),
        (MCU, True, ()),
        (_OTHER, False, ("hard_swish",)),
        (_OTHER, True, ("fold_batch_norm",)),
    ],
)
def test_all_is_what_the_target_wants(target: Target, integer_activations: bool, chosen: tuple[str, ...]) -> None:
    for names in ("all", ["all"]):
        assert choose_lowerings(names, integer_activations=integer_activations, target=target) == chosen


def test_a_graph_is_lowered_for_its_target() -> None:
    graph = read_keras(random_subnet(SMALL, 0)[0])
    operations = {node.op for node in lower(graph, target=_OTHER).nodes}
    assert "batch_norm" in operations  # which the CPU wants folded
    functions = {node.attributes["function"] for node in lower(graph, target=_OTHER).nodes if node.op == "activation"}
    assert "hard_swish" not in functions


def test_names_are_taken_in_the_order_in_which_they_work() -> None:
    names = ["split_depthwise", "fold_batch_norm"]
    assert choose_lowerings(names, integer_activations=False, target=_OTHER) == ("fold_batch_norm", "split_depthwise")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fold"], r"Expected `lowering` to be of \['all', 'none', 'fold_batch_norm', .*Received: 'fold'\."),
        (["all", "hard_swish"], r"all, none or a list of others\. Received: all,hard_swish\."),
    ],
)
def test_unknown_rewrites_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_lowerings(names, integer_activations=False)


def test_no_rewrites_leave_the_graph_alone() -> None:
    graph = read_keras(random_subnet(SMALL, 0)[0])
    assert lower(graph, "none") is graph
    assert lower(graph, []) is graph


def test_an_unknown_target_is_named() -> None:
    for target in (CPU, GPU, NPU, MCU):
        assert get_target(target.name) is target
    with pytest.raises(InputError, match=r"`target` to be one of \['cpu', 'gpu', .*\]. Received: target='tpu'"):
        get_target("tpu")


def test_a_target_that_wants_unknown_rewrites_is_refused() -> None:
    with pytest.raises(InputError, match=r"lowerings of the target 'tpu' to be of .*'hard_swish'.*Received: 'folding'"):
        Target("tpu", "another one", delegates=(), accelerators=(), float_lowerings=(), integer_lowerings=("folding",))
