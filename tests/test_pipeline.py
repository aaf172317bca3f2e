import dataclasses

import pytest

from ofa_tf.errors import InputError
from ofa_tf.quickstart import QuickstartSettings
from ofa_tf.runtime import configure_tensorflow


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_archs": 9}, "Expected `num_archs` to be at least 10. Received: num_archs=9"),
        ({"num_networks": 3}, "Expected `num_networks` to be at least 4. Received: num_networks=3"),
    ],
)
def test_a_quickstart_that_would_fail_after_its_training_is_refused_before(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(QuickstartSettings(), **settings)


def test_a_negative_number_of_threads_is_refused() -> None:
    with pytest.raises(InputError, match="Received: intra_op_threads=-1"):
        configure_tensorflow(-1)
