import dataclasses

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.workflow.quickstart import QuickstartSettings


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
