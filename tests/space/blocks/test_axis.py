import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.axis import Axis


def test_a_fixed_property_has_one_value() -> None:
    assert Axis.fixed(8) == Axis((8,), None)


@pytest.mark.parametrize("values", [(), (8, 16)])
def test_several_values_need_a_gene(values: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"Expected a gene that chooses .*Received: values=\(.*\), gene=None"):
        Axis(values, None)
    assert Axis(values, 3).gene == 3
