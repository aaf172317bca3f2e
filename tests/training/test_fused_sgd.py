import keras
import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.training.fused_sgd import FusedSGD


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.9, True), (0.9, False), (0.0, False)])
def test_updates_are_those_of_keras(momentum: float, nesterov: bool) -> None:
    rng = np.random.default_rng(0)
    start = rng.standard_normal((3, 4)).astype(np.float32)
    gradients = [tf.constant(rng.standard_normal((3, 4)), tf.float32) for _ in range(4)]
    results = []
    for optimizer_class in (FusedSGD, keras.optimizers.SGD):
        variable = keras.Variable(start)
        optimizer = optimizer_class(0.1, momentum=momentum, nesterov=nesterov)
        optimizer.build([variable])
        _run_in_graph(optimizer, variable, gradients)
        results.append([variable.numpy(), *(np.asarray(state) for state in optimizer.variables)])

    for actual, expected in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)


def _run_in_graph(optimizer: keras.optimizers.SGD, variable: keras.Variable, gradients: list[tf.Tensor]) -> None:
    @tf.function(autograph=False)
    def apply(gradient: tf.Tensor) -> None:
        optimizer.apply([gradient], [variable])

    for gradient in gradients:
        apply(gradient)
    operators = {operator.type for operator in apply.get_concrete_function(gradients[0]).graph.get_operations()}
    is_fused = isinstance(optimizer, FusedSGD) and optimizer.momentum > 0
    assert ("ResourceApplyKerasMomentum" in operators) == is_fused
