"""`LatencyModel`: predicted latency of any arch of a search space."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ofa_tf.base.correlation import rank_correlation
from ofa_tf.base.errors import InputError
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.latency.pieces import OVERHEAD, piece_key
from ofa_tf.space.arch import Arch
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.part_tables import PartTables
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.graph.input_format import NORMALIZED

_SPREAD = 0.05  # usual relative deviation; larger ones weigh less and less in the fit
MIN_ARCHS_FOR_EXPONENT = 4  # with fewer, only the scale is fitted
_NUM_REWEIGHTINGS = 30
_LEAST_SPAN = 0.05  # of logarithmic sums, for a slope to be more than noise
_EXPONENTS = (0.5, 2.0)  # one outside is noise
_ROUNDING_OF_RANKS = 1e-9  # 0.9 of 10 is 9, whatever floats make of it


class LatencyModel:
    """Latency of an arch: a power of the sum of its pieces' latencies.

    `latency = scale * (overhead + sum over all parts) ** exponent`, in
    milliseconds. Scale and exponent stand for what pieces measured alone miss,
    above all caches, which hold more of a small network than of a large one;
    `calibrate` fits them on some whole networks.

    Args:
        space: The search space.
        table: Latency table of the space. If it holds a calibration, its scale
            and exponent are the defaults.
        scale: Factor.
        exponent: Exponent of the sum.
        input_type: What the networks take as an image, see `InputFormat`.

    Raises:
        InputError: If the table is of another space, or was calibrated by an
            earlier version.
    """

    def __init__(
        self,
        space: SearchSpace,
        table: LatencyTable,
        scale: float | None = None,
        exponent: float | None = None,
        *,
        input_type: str = NORMALIZED,
    ) -> None:
        if table.space != space:
            raise InputError(
                f"Expected {table.title} to be of the search space {space.name!r}. Received: one of "
                f"{table.space.name!r}. Build one with tools/build_latency_table.py."
            )
        fitted = {"scale": 1.0, "exponent": 1.0} if table.calibration is None else table.calibration
        if not fitted.keys() >= {"scale", "exponent"}:
            found = ", ".join(sorted(fitted)) or "nothing in it"
            raise InputError(
                f"Expected the calibration of {table.title} to have a scale and an exponent. Received: {found}. "
                "Build the table again with tools/build_latency_table.py."
            )
        self.space = space
        self.table = table
        if scale is None:
            scale = fitted["scale"]
        if exponent is None:
            exponent = fitted["exponent"]
        self.scale = float(scale)
        self.exponent = float(exponent)
        self.input_type = input_type
        self._tables = PartTables(space, self._piece_ms, np.float64, is_covered=table.covers)

    def predict(self, archs: Arch | Sequence[Arch] | np.ndarray) -> Any:
        """Predicted latency, milliseconds.

        Args:
            archs: One arch, several, or genes of shape `(n, num_genes)` or `(num_genes,)`.

        Returns:
            float64 array of shape `(n,)`; a float for one arch or one gene vector.

        Raises:
            InputError: If the archs are not of the space, or an image size lies
                outside the measured range.
        """
        genes = self.space.as_genes(archs)
        rows = np.atleast_2d(genes)
        latency_ms = self.scale * self._sum(rows) ** self.exponent
        if genes.ndim == 1:
            return float(latency_ms[0])
        return latency_ms

    def latency_by_part(self, arch: Arch) -> dict[str, float]:
        """What each part takes of the predicted latency of an arch, milliseconds.

        The power of the sum belongs to no part: each has that share of the prediction that its piece has of the sum.

        Args:
            arch: The arch.

        Returns:
            Name of the part -> milliseconds, in the order of the network, after that of a network that does nothing
            (`OVERHEAD`). They add up to the prediction.

        Raises:
            InputError: See `predict`.
        """
        predicted_ms = self.predict(arch)
        input_sizes = self.space.input_sizes(arch.image_size)
        pieces_ms = {OVERHEAD: self.table.overhead_ms}
        for name, part in self.space.plain_parts(arch).items():
            pieces_ms[name] = self._piece_ms(part, input_sizes[name])
        factor = predicted_ms / sum(pieces_ms.values())
        return {name: factor * piece_ms for name, piece_ms in pieces_ms.items()}

    def margin(self, confidence: float) -> float:
        """By which share of its prediction a network is slower at most, with some probability.

        Of n held-out networks and a further one, each is the slowest against its prediction
        with the same probability. So the k-th smallest of the n relative errors is exceeded
        with a probability of at most 1 - k / (n + 1).

        Args:
            confidence: The probability, in (0, 1).

        Returns:
            The smallest such error of the held-out networks that is enough, at least 0.

        Raises:
            InputError: If `confidence` is none, or the table has no held-out networks, or
                too few to be as sure.

        Reference: Lei et al., "Distribution-Free Predictive Inference for Regression", JASA
        2018, section 2 (split conformal prediction).
        """
        if not 0 < confidence < 1:
            raise InputError(f"Expected `confidence` to be between 0 and 1. Received: confidence={confidence}.")
        errors = self._held_out_errors
        num_networks = len(errors)
        rank = math.ceil(confidence * (num_networks + 1) - _ROUNDING_OF_RANKS)
        if rank > num_networks:
            # Rounded down, as more would be refused again.
            surest = math.floor(1000 * num_networks / (num_networks + 1)) / 1000
            num_needed = math.ceil(confidence / (1 - confidence) - _ROUNDING_OF_RANKS)
            raise InputError(
                f"Expected {self.table.title} to have at least {num_needed} held-out networks for "
                f"confidence={confidence:g}. Received: {num_networks}, which are enough for {surest:g}. "
                f"Call tools/build_latency_table.py again as for this table ({self.table.device['device']}, "
                f"{self.table.form_name}), with --num_held_out={num_needed}, or be content with less."
            )
        return max(0.0, float(errors[rank - 1]))

    @functools.cached_property
    def _held_out_errors(self) -> np.ndarray:
        """By which share of its prediction each held-out network was slower, ascending; negative where faster."""
        held_out = self.table.held_out
        archs = [Arch.from_dict(arch) for arch in held_out["archs"]]
        if not archs:
            return np.zeros(0)
        measured = np.asarray(held_out["measured_ms"], float)
        # Tables are checked on networks that take normalised images, whatever is predicted here.
        predicted = LatencyModel(self.space, self.table, self.scale, self.exponent).predict(archs)
        return np.sort(measured / predicted - 1)

    def calibrate(self, archs: Sequence[Arch], measured_ms: Sequence[float]) -> "LatencyModel":
        """Fit scale and exponent on whole networks measured on the table's device.

        The fit is a line in logarithms, robust against outliers (Cauchy weights).
        Six to ten archs of mixed size are enough.

        Args:
            archs: The networks.
            measured_ms: Their measured latencies, milliseconds.

        Returns:
            The fitted model; its `table` holds the calibration, so
            `model.table.save(path)` keeps it.

        Raises:
            InputError: If there is no arch, the lengths differ or a latency is
                not positive.
        """
        measured = _check_measured(archs, measured_ms)
        sums = self._sum(self.space.encode(archs))
        scale, exponent = _fit_power(sums, measured)
        fitted = LatencyModel(self.space, self.table, scale, exponent)
        calibration = {
            "scale": scale,
            "exponent": exponent,
            "archs": [arch.to_dict() for arch in archs],
            "measured_ms": [float(value) for value in measured],
            "report": fitted.evaluate(archs, measured_ms),
        }
        return LatencyModel(self.space, dataclasses.replace(self.table, calibration=calibration))

    def evaluate(self, archs: Sequence[Arch], measured_ms: Sequence[float]) -> dict[str, Any]:
        """How well predictions agree with measurements, best of archs not calibrated on.

        Args:
            archs: The networks.
            measured_ms: Their measured latencies, milliseconds.

        Returns:
            `num_archs`, `mape` (mean absolute relative error), `bias` (mean
            relative error), `within_5_percent`, `within_10_percent` and
            `within_15_percent` (shares), `rank_correlation` (Spearman; `None`
            for fewer than three archs).

        Raises:
            InputError: As for `calibrate`.
        """
        measured = _check_measured(archs, measured_ms)
        predicted = np.atleast_1d(self.predict(self.space.encode(archs)))
        relative = predicted / measured - 1
        shares = {f"within_{limit}_percent": float(np.mean(np.abs(relative) <= limit / 100)) for limit in (5, 10, 15)}
        return {
            "num_archs": len(measured),
            "mape": float(np.mean(np.abs(relative))),
            "bias": float(np.mean(relative)),
            **shares,
            "rank_correlation": rank_correlation(predicted, measured),
        }

    def _piece_ms(self, part: PlainPart, input_size: int) -> float:
        """The latency of a part's piece, milliseconds, for an input size."""
        return self.table.latency_ms(piece_key(part, self.input_type), input_size)

    def _sum(self, genes: np.ndarray) -> np.ndarray:
        """Latencies of the pieces and the overhead, added up, milliseconds: `(n,)` for genes `(n, num_genes)`."""
        used_image_sizes = np.unique(genes[:, self.space.image_size_gene])
        for index in used_image_sizes:
            self.table.check_image_size(self.space.image_sizes[index])
        return self._tables.combine(genes, np.add, start=self.table.overhead_ms)


def _fit_power(sums: np.ndarray, measured: np.ndarray) -> tuple[float, float]:
    """The scale and the exponent with which powers of sums come nearest to measured latencies.

    In logarithms it is a straight line. Where there are too few networks for one, or its slope is noise, the exponent
    is 1.
    """
    log_sums, log_measured = np.log(sums), np.log(measured)
    has_slope = len(sums) >= MIN_ARCHS_FOR_EXPONENT and np.ptp(log_sums) > _LEAST_SPAN
    if has_slope:
        exponent, log_scale = _fit_line(log_sums, log_measured)
        if _EXPONENTS[0] <= exponent <= _EXPONENTS[1]:
            return math.exp(log_scale), exponent
    log_scale = float(np.median(log_measured - log_sums))
    return math.exp(log_scale), 1.0


def _fit_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and height of a line through most points: a few that a busy device has moved away hardly count.

    Iteratively reweighted least squares with Cauchy's weights.
    """
    features = np.stack([x, np.ones_like(x)], axis=1)
    weights = np.ones_like(x)
    for _ in range(_NUM_REWEIGHTINGS):
        root = np.sqrt(weights)
        line = np.linalg.lstsq(features * root[:, np.newaxis], y * root, rcond=None)[0]
        distances = features @ line - y
        weights = 1 / (1 + (distances / _SPREAD) ** 2)
    slope, height = line
    return float(slope), float(height)


def _check_measured(archs: Sequence[Arch], measured_ms: Sequence[float]) -> np.ndarray:
    measured = np.asarray(measured_ms, float)
    if not len(archs) or measured.shape != (len(archs),):
        raise InputError(
            f"Expected one measured latency for each of at least one arch. "
            f"Received: {len(archs)} archs and latencies of shape {measured.shape}."
        )
    if not (np.isfinite(measured) & (measured > 0)).all():
        raise InputError(f"Expected measured latencies to be positive. Received: {measured.tolist()}.")
    return measured
