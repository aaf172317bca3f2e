import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.tensorflow_setup import configure_tensorflow


def test_a_negative_number_of_threads_is_refused() -> None:
    with pytest.raises(InputError, match="Received: intra_op_threads=-1"):
        configure_tensorflow(-1)
