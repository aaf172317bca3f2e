import json

import pytest

from ofa_tf.base.cluster import Distribution
from ofa_tf.base.distribution_flag import check_cluster
from ofa_tf.base.errors import InputError


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize(
    ("batch_size", "mixed_precision", "message"),
    [
        (15, "none", "a multiple of the 2 replicas.* Received: --batch_size=15"),
        (16, "float16", "with several replicas. Received: --mixed_precision=float16, 2 replicas"),
    ],
)
def test_what_workers_cannot_share_is_refused(batch_size: int, mixed_precision: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_cluster(Distribution.MULTIWORKER, batch_size, mixed_precision)
    check_cluster(Distribution.NONE, batch_size, mixed_precision)


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize("mixed_precision", ["none", "bfloat16"])
def test_what_workers_can_share_passes(mixed_precision: str) -> None:
    check_cluster(Distribution.MULTIWORKER, 16, mixed_precision)
