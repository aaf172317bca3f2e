"""`Footprint`: file size and peak memory of the models of any arch, before one is made."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import PlainPart, StemPart
from ofa_tf.space.part_tables import PartTables
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.footprint import micro_arena
from ofa_tf.tflite.footprint.arena import align
from ofa_tf.tflite.footprint.file_size import MODEL_BYTES, operators_bytes, zero_point_lengths
from ofa_tf.tflite.footprint.memory import peak_bytes
from ofa_tf.tflite.footprint.operators import Operator, behind_cast, join_parts, make_operators
from ofa_tf.tflite.footprint.part_graphs import make_part_graph
from ofa_tf.tflite.footprint.zero_points import ZeroPoints
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.graph.input_format import NORMALIZED, UINT8
from ofa_tf.tflite.lowering.lowerings import choose_lowerings
from ofa_tf.tflite.lowering.targets import CPU, MCU, Target
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.tflite.quantization.modes import QuantizationMode

_IMAGE_CHANNELS = 3


class Footprint:
    """File size and peak memory of the shipped models of a search space, looked up by genes.

    Both follow from the lowered graph: each different part is lowered once, and from its
    operators follow the bytes that it adds to the file and the memory that it needs. File
    sizes add up, but for zero points; of memory, the part that needs most counts. For
    microcontrollers there is the arena of TFLite Micro, too.

    Args:
        space: The search space.
        num_classes: Number of classes.
        mode: How the models are quantized.
        lowering: Rewrites, see `choose_lowerings`.
        target: What will run the models.
        input_type: What they take as an image, see `InputFormat`.

    Raises:
        InputError: If a rewrite is unknown.
    """

    def __init__(
        self,
        space: SearchSpace,
        num_classes: int,
        mode: QuantizationMode,
        *,
        lowering: str | Sequence[str] = "all",
        target: Target = CPU,
        input_type: str = NORMALIZED,
    ) -> None:
        self._space = space
        self._num_classes = num_classes
        self._mode = mode
        self._target = target
        self._input_type = input_type
        self._lowerings = choose_lowerings(
            lowering,
            integer_activations=mode.has_integer_activations,
            target=target,
        )
        self._graphs: dict[tuple[PlainPart, int | None], Graph] = {}
        self._operators_by_part: dict[tuple[PlainPart, int], list[Operator]] = {}

    def size_bytes(self, archs: Arch | Sequence[Arch] | np.ndarray) -> Any:
        """Size of the `.tflite` file.

        Args:
            archs: `Arch`, sequence of them, or genes `(n, num_genes)`.

        Returns:
            int for one arch, int64 array `(n,)` for several.

        Raises:
            InputError: If an arch is not of the space, or genes are out of range.
        """
        return self._measure(archs, self._size_of_rows)

    def peak_ram_bytes(self, archs: Arch | Sequence[Arch] | np.ndarray) -> Any:
        """What LiteRT allocates for the activations of one image, without a delegate and on one thread.

        Each network is laid out in memory as LiteRT does it, which takes some milliseconds.

        Args:
            archs: As for `size_bytes`.

        Returns:
            As `size_bytes`.

        Raises:
            InputError: As for `size_bytes`.
        """
        return self._measure(archs, self._peak_of_rows)

    def least_peak_ram_bytes(self, archs: Arch | Sequence[Arch] | np.ndarray) -> Any:
        """What `peak_ram_bytes` is at least, looked up: as if each part had the memory to itself.

        Tensors that one part hands to the next may lie in the way of others, so that some
        networks need more: of 300 random ones of `resnet50d`, 29 do, by up to 16%.

        Args:
            archs: As for `size_bytes`.

        Returns:
            As `size_bytes`.

        Raises:
            InputError: As for `size_bytes`.
        """
        return self._measure(archs, self._least_peak_of_rows)

    @property
    def has_arena(self) -> bool:
        """Whether the models are for microcontrollers, so that they have an arena of TFLite Micro."""
        return self._target == MCU

    def arena_bytes(self, archs: Arch | Sequence[Arch] | np.ndarray) -> Any:
        """The arena of TFLite Micro, see `micro_arena.py`; for models for microcontrollers.

        Each network is laid out in memory, which takes some milliseconds.

        Args:
            archs: As for `size_bytes`.

        Returns:
            As `size_bytes`.

        Raises:
            InputError: As for `size_bytes`.
        """
        return self._measure(archs, self._arena_of_rows)

    def least_arena_bytes(self, archs: Arch | Sequence[Arch] | np.ndarray) -> Any:
        """What `arena_bytes` is at least, looked up: as if the head held one part, and without a gap.

        Args:
            archs: As for `size_bytes`.

        Returns:
            As `size_bytes`.

        Raises:
            InputError: As for `size_bytes`.
        """
        return self._measure(archs, self._least_arena_of_rows)

    def operators_by_part(self, arch: Arch) -> dict[str, list[Operator]]:
        """The operators of the parts of an arch's model, by the names of the parts, in order.

        Raises:
            InputError: If the arch is not of the space.
        """
        input_sizes = self._space.input_sizes(arch.image_size)
        operators = {}
        for name, part in self._space.plain_parts(arch).items():
            operators[name] = self._operators(part, input_sizes[name])
        return operators

    def _measure(
        self,
        archs: Arch | Sequence[Arch] | np.ndarray,
        of_rows: Callable[[np.ndarray], np.ndarray],
    ) -> Any:
        """What is measured of genes `(n, num_genes)`: an int for one arch, an array for several."""
        genes = self._space.as_genes(archs)
        values = of_rows(np.atleast_2d(genes))
        if genes.ndim == 1:
            return int(values[0])
        return values

    def _size_of_rows(self, rows: np.ndarray) -> np.ndarray:
        totals = self._size_tables.combine(rows, np.add, start=MODEL_BYTES)
        return totals + self._zero_points.num_bytes(rows)

    def _peak_of_rows(self, rows: np.ndarray) -> np.ndarray:
        peaks = [self._plan_network(arch) for arch in self._space.decode(rows)]
        return np.array(peaks, np.int64)

    def _least_peak_of_rows(self, rows: np.ndarray) -> np.ndarray:
        largest_of_parts = self._memory_tables.combine(rows, np.maximum)
        image_sizes = np.array(self._space.image_sizes)[rows[:, self._space.image_size_gene]]
        least: np.ndarray = self._image_bytes(image_sizes) + largest_of_parts
        return least

    def _arena_of_rows(self, rows: np.ndarray) -> np.ndarray:
        heads = [self._plan_head(arch) for arch in self._space.decode(rows)]
        return self._tail_bytes(rows) + np.array(heads, np.int64)

    def _least_arena_of_rows(self, rows: np.ndarray) -> np.ndarray:
        return self._tail_bytes(rows) + self._head_tables.combine(rows, np.maximum)

    @functools.cached_property
    def _size_tables(self) -> PartTables:
        return PartTables(self._space, functools.cache(self._part_size_bytes))

    @functools.cached_property
    def _zero_points(self) -> ZeroPoints:
        return ZeroPoints(self._space, functools.cache(self._zero_point_lengths))

    @functools.cached_property
    def _memory_tables(self) -> PartTables:
        return PartTables(self._space, functools.cache(self._part_peak_bytes))

    @functools.cached_property
    def _head_tables(self) -> PartTables:
        return PartTables(self._space, functools.cache(self._part_head_bytes))

    @functools.cached_property
    def _tail_tables(self) -> PartTables:
        return PartTables(self._space, functools.cache(self._part_tail_bytes))

    def _tail_bytes(self, rows: np.ndarray) -> np.ndarray:
        return self._tail_tables.combine(rows, np.add, start=micro_arena.network_tail_bytes(self._mode))

    def _part_head_bytes(self, part: PlainPart, input_size: int) -> int:
        operators = self._operators(part, input_size)
        num_values = input_size**2 * part.in_channels
        is_image = isinstance(part, StemPart)
        bytes_per_value = self._bytes_per_pixel_value if is_image else self._mode.bytes_per_value
        return micro_arena.least_head_bytes(operators, num_values * bytes_per_value, self._mode)

    def _part_tail_bytes(self, part: PlainPart, input_size: int) -> int:
        return micro_arena.operators_tail_bytes(self._operators(part, input_size), self._mode)

    def _plan_head(self, arch: Arch) -> int:
        input_bytes = arch.image_size**2 * _IMAGE_CHANNELS * self._bytes_per_pixel_value
        return micro_arena.head_bytes(self._network_operators(arch), input_bytes, self._mode)

    def _part_size_bytes(self, part: PlainPart, input_size: int) -> int:
        return operators_bytes(self._operators(part, input_size), self._mode)

    def _zero_point_lengths(self, part: PlainPart, input_size: int) -> frozenset[int]:
        return zero_point_lengths(self._operators(part, input_size), self._mode)

    def _part_peak_bytes(self, part: PlainPart, input_size: int) -> int:
        return peak_bytes(
            self._operators(part, input_size),
            num_input_values=input_size**2 * part.in_channels,
            bytes_per_value=self._mode.bytes_per_value,
            counts_input=not isinstance(part, StemPart),
        )

    def _plan_network(self, arch: Arch) -> int:
        behind_image = peak_bytes(
            self._network_operators(arch),
            num_input_values=arch.image_size**2 * _IMAGE_CHANNELS,
            bytes_per_value=self._mode.bytes_per_value,
            counts_input=False,
        )
        return int(self._image_bytes(arch.image_size) + behind_image)

    def _network_operators(self, arch: Arch) -> list[Operator]:
        return join_parts(self.operators_by_part(arch))

    @property
    def _bytes_per_pixel_value(self) -> int:
        """Memory of a number of the image."""
        return 1 if self._input_type == UINT8 else self._mode.bytes_per_value

    def _image_bytes(self, image_sizes: Any) -> Any:
        """Memory of images, which are kept until the end, as an application may want to use them again."""
        num_values = image_sizes**2 * _IMAGE_CHANNELS
        return align(num_values * self._bytes_per_pixel_value)

    def _operators(self, part: PlainPart, input_size: int) -> list[Operator]:
        key = (part, input_size)
        if key not in self._operators_by_part:
            operators = make_operators(self._lowered(part, input_size))
            if isinstance(part, StemPart) and self._input_type == UINT8:
                operators = behind_cast(operators, num_values=input_size**2 * _IMAGE_CHANNELS)
            self._operators_by_part[key] = operators
        return self._operators_by_part[key]

    def _lowered(self, part: PlainPart, input_size: int) -> Graph:
        """The lowered graph for an input; one is made for all sizes but those that kernels are cut to."""
        is_cut = part.depthwise_kernel_size // 2 >= input_size
        key = (part, input_size if is_cut else None)
        if key not in self._graphs:
            self._graphs[key] = make_part_graph(
                part,
                key[1],
                self._num_classes,
                self._lowerings,
                self._input_type,
            )
        graph = self._graphs[key]
        return Graph((input_size, input_size, part.in_channels), graph.nodes)


def footprint_of_form(space: SearchSpace, num_classes: int, form: ModelForm) -> Footprint:
    """The footprint of models in a form; arguments as for `Footprint`."""
    return Footprint(space, num_classes, form.mode, target=form.target, input_type=form.input_type)
