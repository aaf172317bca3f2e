"""The arena is planned as LiteRT does it: small cases by hand."""

from ofa_tf.tflite.footprint.arena import Tensor, plan_arena


def test_tensors_that_do_not_live_at_once_share_memory() -> None:
    assert plan_arena([Tensor(128, 0, 1), Tensor(256, 2, 3)]) == 256
    assert plan_arena([Tensor(128, 0, 2), Tensor(256, 2, 3)]) == 384
    assert plan_arena([]) == 0


def test_tensors_begin_at_multiples_of_64_bytes() -> None:
    assert plan_arena([Tensor(100, 0, 1), Tensor(10, 0, 1)]) == 128 + 10


def test_a_tensor_goes_into_the_smallest_gap_that_holds_it() -> None:
    # At step 5 there are gaps of 384 and of 256 bytes between the tensors that stay.
    early = [
        Tensor(1024, 0, 9),
        Tensor(384, 0, 4),
        Tensor(380, 0, 9),
        Tensor(256, 0, 4),
        Tensor(252, 0, 9),
    ]
    end = 1024 + 384 + 384 + 256 + 252
    assert plan_arena(early) == end
    # In the larger gap the first of these would leave too little for the third.
    late = [Tensor(250, 5, 6), Tensor(190, 5, 6), Tensor(190, 5, 6)]
    assert plan_arena([*early, *late]) == end


def test_memory_may_break_into_pieces() -> None:
    """The largest tensors are placed first, so that a chain of smaller ones may find no place that is free for long."""
    chain = [Tensor(640, 0, 0), Tensor(320, 0, 1), Tensor(320, 1, 2), Tensor(640, 2, 2)]
    alive_at_once = max(
        sum(tensor.size_bytes for tensor in chain if tensor.first_step <= step <= tensor.last_step) for step in range(3)
    )
    assert plan_arena(chain) > alive_at_once == 960
