import numpy as np
import pytest

from ofa_tf.base.cluster import Cluster, check_batch_size
from ofa_tf.base.errors import InputError
from ofa_tf.base.replicas import Replicas, _resolver


def test_one_replica_gets_each_batch_in_a_round_of_its_own() -> None:
    assert list(Replicas().rounds(["a", "b", "c"])) == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        (["a", "b", "c"], [["a", "b"], ["c", None]]),
        (["a", "b"], [["a", "b"], [None, None]]),  # the first worker has one more
        ([], [[None, None], [None, None]]),
    ],
)
def test_all_workers_get_as_many_rounds_as_the_first_one(batches: list, expected: list) -> None:
    class Second(Replicas):
        num_local = 2
        num_workers = 2
        worker = 1

        def sum_over_workers(self, value: np.ndarray) -> np.ndarray:
            assert value == 0  # the first worker's number of batches is asked for
            return np.float64(3)

    assert list(Second().rounds(batches)) == expected


def test_a_batch_that_replicas_share_equally_is_taken() -> None:
    check_batch_size(12, 4)
    with pytest.raises(InputError, match=r"multiple of the 4 replicas, .*Received: --batch_size=6\."):
        check_batch_size(6, 4)


def test_slurm_s_tasks_become_workers_with_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "SLURM_JOB_ID": "251",
        "SLURM_PROCID": "2",
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_NODELIST": "node[1-2]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)  # there may be no nvidia-smi to ask
    resolver = _resolver(Cluster(2, 3, is_slurm=True))
    assert resolver.cluster_spec().as_dict() == {"worker": ["node1:15064", "node1:15065", "node2:15064"]}
    assert (resolver.task_type, resolver.task_id) == ("worker", 2)
