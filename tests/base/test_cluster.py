import json
from typing import Any

import pytest

from ofa_tf.base.cluster import Cluster, find_cluster
from ofa_tf.base.errors import InputError


def _tf_config(cluster: Any, task: Any) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def test_tf_config_says_which_worker_this_is() -> None:
    cluster = {"worker": ["a:1", "b:1", "c:1"]}
    assert find_cluster(_tf_config(cluster, {"type": "worker", "index": 2})) == Cluster(2, 3)
    assert find_cluster(_tf_config(cluster, {"type": "worker", "index": "1"})) == Cluster(1, 3)


def test_a_chief_is_the_first_worker() -> None:
    cluster = {"worker": ["a:1", "b:1"], "chief": ["c:1"]}
    assert find_cluster(_tf_config(cluster, {"type": "chief", "index": 0})) == Cluster(0, 3)
    assert find_cluster(_tf_config(cluster, {"type": "worker", "index": 0})) == Cluster(1, 3)


def test_slurm_says_which_worker_this_is_unless_tf_config_does() -> None:
    slurm = {"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4"}
    assert find_cluster(slurm) == Cluster(3, 4, is_slurm=True)
    tf_config = _tf_config({"worker": ["a:1"]}, {"type": "worker", "index": 0})
    assert find_cluster({**slurm, **tf_config}) == Cluster(0, 1)


def test_without_a_cluster_the_message_says_how_to_get_one() -> None:
    with pytest.raises(
        InputError, match=r"Received: neither TF_CONFIG nor a step of Slurm. Start the program with srun"
    ):
        find_cluster({"SLURM_PROCID": "0"})  # as in a batch script, outside of a step


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("{oops", r"no JSON \(Expecting property name"),
        ("[]", 'no "cluster" with a list of workers'),
        ('{"cluster": {}}', 'no "cluster" with a list of workers'),
        ('{"cluster": {"worker": ["a:1"]}}', 'a "task" of type None and index None, where the cluster has: worker 0'),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            'a "task" of type worker and index 1, where the cluster has: worker 0',
        ),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {}}', "tasks that do not train: ps"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}, "task": {}}', "the same address for several workers"),
        ('{"cluster": {"worker": "a:1"}, "task": {}}', '"worker" that is no list of addresses'),
        ('{"cluster": {"worker": ["a"]}, "task": {}}', "the address 'a', which is not like host:port"),
        ('{"cluster": {"worker": []}, "task": {}}', "where the cluster has: none"),
    ],
)
def test_a_tf_config_that_makes_no_sense_is_refused(text: str, received: str) -> None:
    with pytest.raises(InputError, match=rf"Expected TF_CONFIG to be like {{\"cluster\".* Received: .*{received}"):
        find_cluster({"TF_CONFIG": text})
