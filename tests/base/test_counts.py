from ofa_tf.base.counts import count_in_words


def test_one_is_no_plural() -> None:
    words = [count_in_words(number, "subnet") for number in (0, 1, 2, 1000)]
    assert words == ["0 subnets", "1 subnet", "2 subnets", "1,000 subnets"]
