"""`Replicas`: the copies of a network that compute together, one a device, and how they share the work.

A batch is dealt out to replicas, each computes on its share, and what they found is summed up. With one device there
is one replica, and none of this costs anything: values are plain tensors and functions plain graphs. With several,
in one process or in many (*workers*, each with its own devices), `StrategyReplicas` hands everything to a strategy of
`tf.distribute`. Code that is written for `Replicas` does not ask which of the two it has.

Every worker runs the same program and takes the same steps; what only one of them may do, such as writing files, the
first one does.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.base.cluster import Cluster, Distribution, find_cluster
from ofa_tf.base.errors import InputError

# What TensorFlow says then; the reason stands in its log only.
_ADDRESS_IN_USE = "Could not start gRPC server"

# Of the first worker of a computer under Slurm. Jobs that share a computer get different ones, mostly.
_FIRST_PORT = 15_000
_NUM_JOBS_APART = 250
_MOST_WORKERS_ON_COMPUTER = 64


class Batches(Protocol):
    """What a sequence of batches must have."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


class Replicas:
    """One replica, on TensorFlow's default device; base of those of several.

    A *dealt* value has one value for each replica of this worker; here it is that of the one replica.
    """

    num_replicas = 1  # of all workers
    num_local = 1  # of this worker
    num_workers = 1
    worker = 0

    @property
    def is_first_worker(self) -> bool:
        """Whether this worker is the one that writes files and tells the user how it goes."""
        return self.worker == 0

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Around the making of variables that all replicas shall have, such as a network's."""
        return contextlib.nullcontext()

    def deal(self, batch: tf.Tensor) -> Any:
        """Deal a batch of this worker out to its replicas, in equal shares, as a dealt value."""
        return batch

    def dealt(self, values: Sequence[Any]) -> Any:
        """A dealt value of given ones, one for each replica of this worker."""
        (value,) = values
        return value

    def each(self, function: Callable, *values: Any) -> Any:
        """Call a function for each replica of this worker.

        Args:
            function: Of tensors.
            *values: Its arguments: dealt values, or values that are the same for all.

        Returns:
            What it returned, as a dealt value.
        """
        return function(*values)

    def trace(self, function: Callable, *signature: tf.TensorSpec) -> Callable:
        """A function as one graph that every replica runs.

        Args:
            function: Of tensors. Must not change a variable of the network but by `assign_here`.
            *signature: Specifications of its arguments, as one replica sees them.

        Returns:
            A function of dealt values (or of what is the same for all), which returns dealt values.
        """
        return tf.function(function, input_signature=signature, autograph=False)

    def trace_update(self, function: Callable, *signature: tf.TensorSpec) -> Callable:
        """A function as one graph that runs once a worker, and may change the network's variables.

        Args:
            function: Of tensors that are the same for all replicas.
            *signature: Specifications of its arguments.
        """
        return tf.function(function, input_signature=signature, autograph=False)

    def total(self, function: Callable[[], list[tf.Tensor]]) -> list[tf.Tensor]:
        """Within `trace_update`: the sums over all replicas, of all workers, of what a function returns on each.

        All its results are added up in one go.

        Args:
            function: Returns float32 tensors, whose shapes are known.
        """
        return function()

    def apply(self, optimizer: keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor], variables: Sequence) -> None:
        """Within `trace_update`: one step of a Keras optimizer with gradients that are the same for all replicas."""
        optimizer.apply(gradients, variables)

    def local_values(self, dealt: Any) -> list[Any]:
        """The values of a dealt value."""
        return [dealt]

    def rounds(self, batches: Batches) -> Iterator[list[Any]]:
        """This worker's batches, one for each of its replicas at a time; `None` for replicas that have nothing to do.

        All workers get equally many rounds, and all must call this.

        Args:
            batches: Those of every `num_workers`-th place, so that no worker has more than the first.
        """
        most = int(self.from_first(np.asarray(len(batches))))
        iterator = iter(batches)
        for _ in range(math.ceil(most / self.num_local)):
            yield [next(iterator, None) for _ in range(self.num_local)]

    def any_worker(self, flag: bool) -> bool:
        """Whether a flag is set on any worker. All workers must call this, and get the same answer."""
        return bool(self.sum_over_workers(np.asarray(flag)) > 0)

    def wait_for_all(self) -> None:
        """Go on when all workers have come here."""
        self.any_worker(False)

    def from_first(self, value: np.ndarray) -> np.ndarray:
        """The first worker's value, float64. All workers must call this, with arrays of one shape."""
        return self.sum_over_workers(value if self.is_first_worker else np.zeros_like(value))

    def sum_over_workers(self, value: np.ndarray) -> np.ndarray:
        """The sum of the workers' values, float64. All workers must call this, with arrays of one shape."""
        return np.asarray(value, np.float64)


class _Dealt:
    """A dealt value of several replicas.

    Args:
        values: One for each replica of this worker.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tuple(values)


class StrategyReplicas(Replicas):
    """The replicas of a strategy, one on each of its devices.

    Args:
        strategy: A `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy`.
        worker: Number of this worker.
        num_workers: Number of workers; all have equally many devices.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        worker: int = 0,
        num_workers: int = 1,
    ) -> None:
        self.worker = worker
        self.num_workers = num_workers
        self.num_replicas = strategy.num_replicas_in_sync
        self.num_local = self.num_replicas // num_workers
        self._strategy = strategy
        self._devices = strategy.extended.worker_devices

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        return self._strategy.scope()

    def deal(self, batch: tf.Tensor) -> _Dealt:
        return self.each(tf.identity, _Dealt(tf.split(batch, self.num_local)))

    def dealt(self, values: Sequence[Any]) -> _Dealt:
        return _Dealt(values)

    def each(self, function: Callable, *values: Any) -> _Dealt:
        results = []
        for index, device in enumerate(self._devices):
            arguments = [_value_of(value, index) for value in values]
            with tf.device(device):
                results.append(function(*arguments))
        return _Dealt(results)

    def trace(self, function: Callable, *signature: tf.TensorSpec) -> Callable:
        def run(*arguments: list[tf.Tensor]) -> list[Any]:
            results = self._strategy.run(function, args=self._distributed(arguments))
            return self._local_results(results)

        graph = tf.function(run, input_signature=self._for_each(signature), autograph=False)

        def call(*arguments: Any) -> Any:
            results = graph(*self._lists(arguments))
            if isinstance(results[0], tuple):
                return tuple(_Dealt(values) for values in zip(*results, strict=True))
            return _Dealt(results)

        return call

    def trace_update(self, function: Callable, *signature: tf.TensorSpec) -> Callable:
        def run(*arguments: tf.Tensor) -> Any:
            with self._strategy.scope():
                return function(*arguments)

        return tf.function(run, input_signature=signature, autograph=False)

    def total(self, function: Callable[[], list[tf.Tensor]]) -> list[tf.Tensor]:
        shapes: list[tf.TensorShape] = []

        def run() -> tf.Tensor:
            results = function()
            shapes[:] = [result.shape for result in results]
            return tf.concat([tf.reshape(result, [-1]) for result in results], axis=0)

        # One vector, and so one reduction: each takes its time, however little it carries.
        vectors = self._strategy.run(run)
        vector = self._strategy.reduce(tf.distribute.ReduceOp.SUM, vectors, axis=None)
        parts = tf.split(vector, [shape.num_elements() for shape in shapes])
        return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def apply(self, optimizer: keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor], variables: Sequence) -> None:
        def update(variable: tf.Variable, gradient: tf.Tensor) -> None:
            optimizer.update_step(gradient, variable, optimizer.learning_rate)

        # Not `optimizer.apply`, which would add the gradients of the replicas up once more.
        for gradient, variable in zip(gradients, variables, strict=True):
            self._strategy.extended.update(variable.value, update, args=(gradient,), group=False)
        optimizer.iterations.assign_add(1)

    def local_values(self, dealt: _Dealt) -> list[Any]:
        return list(dealt.values)

    def sum_over_workers(self, value: np.ndarray) -> np.ndarray:
        value = super().sum_over_workers(value)
        if self.num_workers == 1:
            return value
        total = self._strategy.reduce(tf.distribute.ReduceOp.SUM, tf.constant(value), axis=None)
        return np.asarray(total)

    def _for_each(self, signature: Sequence[tf.TensorSpec]) -> list[list[tf.TensorSpec]]:
        """The signature of a graph that takes each argument once for each replica of this worker.

        A graph's signature cannot have distributed values.
        """
        return [[spec] * self.num_local for spec in signature]

    def _lists(self, arguments: Sequence[Any]) -> list[list[Any]]:
        """For each argument its values, one for each replica of this worker."""
        lists = []
        for argument in arguments:
            lists.append([_value_of(argument, index) for index in range(self.num_local)])
        return lists

    def _distributed(self, arguments: Sequence[list[tf.Tensor]]) -> tuple:
        """The arguments as values of `tf.distribute`."""
        distributed = []
        for values in arguments:
            distributed.append(self._distribute(values))
        return tuple(distributed)

    def _distribute(self, values: list[tf.Tensor]) -> Any:
        def pick(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
            return values[context.replica_id_in_sync_group % self.num_local]

        return self._strategy.experimental_distribute_values_from_function(pick)

    def _local_results(self, results: Any) -> list[Any]:
        """What each replica of this worker returned."""
        leaves = [self._strategy.experimental_local_results(leaf) for leaf in tf.nest.flatten(results)]
        of_replicas = []
        for values in zip(*leaves, strict=True):
            of_replicas.append(tf.nest.pack_sequence_as(results, values))
        return of_replicas


def open_replicas(distribution: Distribution) -> Replicas:
    """The replicas of all devices that a program shall compute on. Call before TensorFlow computes anything.

    With several workers, this waits until all are there. When one of them ends or does not answer for ten seconds,
    what the others compute together raises one of TensorFlow's errors, such as `UnavailableError`.

    Raises:
        InputError: If nothing says which workers there are, or another program has this worker's address.
    """
    if distribution is Distribution.MULTIWORKER:
        cluster = find_cluster()
        if cluster.num_workers > 1:
            return StrategyReplicas(_connect(cluster), cluster.worker, cluster.num_workers)
    if distribution is Distribution.NONE:
        return Replicas()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return Replicas()
    return StrategyReplicas(tf.distribute.MirroredStrategy([device.name for device in devices]))


def _connect(cluster: Cluster) -> tf.distribute.Strategy:
    """Wait until all workers are there."""
    resolver = _resolver(cluster)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    except tf.errors.UnknownError as error:
        if _ADDRESS_IN_USE not in str(error):
            raise
        address = resolver.cluster_spec().task_address(resolver.task_type, resolver.task_id)
        raise InputError(
            f"Expected the port of {address}, this worker's address, to be free. Received: one in use. End the program "
            "that has it, or choose another port for all workers."
        ) from error


def _resolver(cluster: Cluster) -> tf.distribute.cluster_resolver.ClusterResolver:
    """What tells TensorFlow of the workers."""
    if not cluster.is_slurm:
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    job = int(os.environ.get("SLURM_JOB_ID", "0"))
    return tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=_FIRST_PORT + job % _NUM_JOBS_APART * _MOST_WORKERS_ON_COMPUTER,
        # Slurm itself gives each task its GPUs (srun --gpus-per-task); the resolver is not to deal them out again.
        gpus_per_node=_MOST_WORKERS_ON_COMPUTER,
        gpus_per_task=1,
        auto_set_gpu=False,
    )


def assign_here(variable: tf.Variable, value: tf.Tensor) -> None:
    """Give a network's variable a value on the replica that calls this, and only there.

    Within `Replicas.trace`, where an assignment to a variable of all replicas may not stand in a branch.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        variable.assign(value)
        return
    copies = context.strategy.experimental_local_results(variable)
    replica = tf.get_static_value(context.replica_id_in_sync_group)  # a constant in the graph
    copies[replica % len(copies)].assign(value)


def _value_of(value: Any, index: int) -> Any:
    """The value of one replica, of a dealt value or of one that is the same for all."""
    return value.values[index] if isinstance(value, _Dealt) else value
