"""What a quickstart ends with: a table of four columns, and what one may conclude from it."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ofa_tf.base.counts import count_in_words
from ofa_tf.base.numbers_in_words import accuracy_in_words, points_in_words, share_in_words
from ofa_tf.report.columns import Column, format_columns
from ofa_tf.report.far_off import far_off_in_words
from ofa_tf.report.predictor_summary import judge_predictor
from ofa_tf.search.accuracy_count import AccuracyCount

_COLUMNS = (
    Column("budget", "budget (ms)", "{}", alignment="<"),
    Column("latency", "measured (ms)", "{}"),
    Column("accuracy", "accuracy +- standard error", "{}"),
    Column("cost", "cost (s)", "{}", alignment="<"),
)
# The ordinary network that a quickstart trains for comparison.
PLAIN_NETWORK = "plain_keras"
LARGEST_SUBNET = "largest"
_NAMES_WITHOUT_BUDGET = {LARGEST_SUBNET: "none: largest subnet", PLAIN_NETWORK: "none: plain Keras net"}

# Of a difference of two accuracies: by chance alone, one of twenty is as large.
_CLEAR_STANDARD_ERRORS = 2


@dataclasses.dataclass(frozen=True)
class ShownKeys:
    """Which models of a row are shown, by the keys of their facts.

    Args:
        kind: What the models are called.
        latency: Of the measured latency, milliseconds.
        top1: Of the accuracy.
    """

    kind: str
    latency: str
    top1: str


def describe_quickstart(summary: Mapping[str, Any], keys: ShownKeys) -> str:
    """The table, and below it what it says, in lines.

    Args:
        summary: Of the quickstart, see `run_quickstart`.
        keys: Which models are shown.
    """
    rows = [_Row(row, keys) for row in summary["rows"]]
    lines = [format_columns(_COLUMNS, [row.cells() for row in rows])]
    lines.append(_explain(summary, rows, keys))
    lines += _list_doubts(rows, (summary.get("latency_model") or {}).get("doubt"))
    lines += _list_repeated(rows)
    lines += _list_errors(rows)
    lines += _list_missed_budgets(rows)
    lines += _doubt_predictions(rows)
    lines += _doubt_choice(summary.get("accuracy_predictor"))
    lines += _conclude_accuracy(rows)
    guessing = _find_guessing(summary.get("guessed_top1"), rows)
    if guessing:
        # What networks cost that have learnt nothing is of no interest.
        return "\n".join([*lines, *guessing])
    lines += _conclude_cost(summary["seconds"], rows)
    return "\n".join(lines)


class _Row:
    """A network of the summary, as it is shown.

    Args:
        facts: Its row of the summary.
        keys: Which of its models is shown.
    """

    def __init__(self, facts: Mapping[str, Any], keys: ShownKeys) -> None:
        self.name: str = facts["name"]
        self.arch: Mapping[str, Any] = facts["arch"]
        self.budget_ms: float | None = facts["budget_ms"]
        self.latency_ms: float | None = facts.get(keys.latency)
        self.predicted_ms: float | None = facts.get("predicted_latency_ms")
        self.search_seconds: float | None = facts["search_seconds"]
        self.train_seconds: float | None = facts["train_seconds"]
        self.error: str | None = facts["errors"].get(keys.kind)
        self.doubt: str | None = facts.get("doubts", {}).get(keys.kind)
        self.num_float_layers: int = facts.get("float_layers", {}).get(keys.kind, 0)
        self.top1: float | None = facts.get(keys.top1)
        self.num_images: int = facts["num_test_images"]

    @property
    def title(self) -> str:
        """How the row is called in the table."""
        if self.budget_ms is None:
            return _NAMES_WITHOUT_BUDGET[self.name]
        return f"{self.budget_ms:.3f}"

    @property
    def standard_error(self) -> float:
        """Of the accuracy of a model that was shipped."""
        num_correct = round((self.top1 or 0.0) * self.num_images)
        return AccuracyCount((num_correct, 0), (self.num_images, 0)).standard_error

    @property
    def excess(self) -> float:
        """By which share the measured latency is above the budget; 0 if it is not."""
        if self.budget_ms is None or self.latency_ms is None:
            return 0.0
        # As precise as the table shows them: who sees two equal numbers would not understand the complaint.
        if round(self.latency_ms, 3) <= round(self.budget_ms, 3):
            return 0.0
        return self.latency_ms / self.budget_ms - 1

    def cells(self) -> dict[str, str | None]:
        """The texts of the row, by column."""
        latency = None
        if self.latency_ms is not None:
            latency = f"{self.latency_ms:.3f}"
        accuracy = None
        if self.top1 is not None:
            accuracy = accuracy_in_words(self.top1, self.standard_error)
        elif self.error is not None:
            accuracy = "not shipped, see below"
        return {"budget": self.title, "latency": latency, "accuracy": accuracy, "cost": self._cost()}

    def _cost(self) -> str:
        if self.train_seconds is not None:
            return f"{self.train_seconds:.0f} to train it"
        if self.search_seconds is not None:
            return f"{self.search_seconds:.1f} to find it"
        return "none further"


def _explain(summary: Mapping[str, Any], rows: Sequence[_Row], keys: ShownKeys) -> str:
    num_images = rows[0].num_images
    return (
        f"({keys.kind} models, batch 1, one thread, measured on {summary['device']['device']}; top-1 on "
        f"{count_in_words(num_images, 'test image')})"
    )


def _list_repeated(rows: Sequence[_Row]) -> list[str]:
    """A line for each network that was found for a smaller budget, too."""
    found = [row for row in rows if row.budget_ms is not None]
    lines = []
    for before, row in itertools.pairwise(found):
        if row.arch == before.arch:
            same = f"The network for {row.title} ms is that for {before.title} ms"
            lines.append(f"{same}: no slower one was clearly more accurate.")
    return lines


def _list_doubts(rows: Sequence[_Row], doubt_of_predictions: str | None) -> list[str]:
    """Lines where latencies are not to be trusted."""
    lines = []
    if doubt_of_predictions is not None:
        lines.append(
            f"Budgets and predicted latencies are DOUBTFUL: {doubt_of_predictions}. On a quiet computer, call it "
            "again; a table of tools/build_latency_table.py is kept: build that again first."
        )
    doubts = {row.doubt: None for row in rows if row.doubt is not None}
    if doubts:
        lines.append(f"The measured latencies are DOUBTFUL: {'; '.join(doubts)}. On a quiet computer, call it again.")
    return lines


def _list_errors(rows: Sequence[_Row]) -> list[str]:
    return [f"budget {row.title}: {row.error}" for row in rows if row.error is not None]


def _list_missed_budgets(rows: Sequence[_Row]) -> list[str]:
    missed = []
    for row in rows:
        if row.excess:
            missed.append(f"{row.title} (by {share_in_words(row.excess)})")
    if not missed:
        return []
    return [f"Measured above the budget that they were found for: {', '.join(missed)}."]


def _doubt_predictions(rows: Sequence[_Row]) -> list[str]:
    """Lines where found subnets were measured far from their predictions: then budgets are not what they seem."""
    lines = []
    unexplained = []
    for row in rows:
        words = far_off_in_words(row.predicted_ms, row.latency_ms)
        if row.budget_ms is None or words is None:
            continue
        if row.num_float_layers:
            lines.append(
                f"Measured far from what was predicted: {row.title} ({words}), as layers of the model stayed float for "
                "the sake of its accuracy (its card names them); predictions are of models without such layers."
            )
        else:
            unexplained.append(f"{row.title} ({words})")
    if unexplained:
        lines.append(
            f"Measured far from what was predicted: {', '.join(unexplained)}. The computer was slower or faster while "
            "its latency table was measured, as by other programs: measure it again (tools/build_latency_table.py)."
        )
    return lines


def _doubt_choice(quality: Mapping[str, Any] | None) -> list[str]:
    """A line where nothing told the searches which subnet is better."""
    if quality is None:  # in summaries of earlier versions
        return []
    verdict = judge_predictor(quality["rmse"], quality["spread"])
    if verdict is None:
        return []
    return [
        f"The accuracy predictor is {verdict} than always predicting the mean: among subnets that keep to a budget, "
        "chance decided."
    ]


def _find_guessing(guessed_top1: float | None, rows: Sequence[_Row]) -> list[str]:
    """A line where the largest subnet is not clearly better than who answers without looking at the images."""
    largest = [row for row in rows if row.name == LARGEST_SUBNET and row.top1 is not None]
    if guessed_top1 is None or not largest:
        return []
    (row,) = largest
    lead = (row.top1 or 0.0) - guessed_top1
    if lead > _CLEAR_STANDARD_ERRORS * row.standard_error:
        return []
    return [
        "Nothing can be concluded: the largest subnet is not clearly better than always answering with the most "
        f"frequent class, {guessed_top1:.1%} of the test images. Train longer (--epochs_scale), or take more images."
    ]


def _conclude_accuracy(rows: Sequence[_Row]) -> list[str]:
    """Which found subnets differ from the plain net by more than noise."""
    plain = _find_plain(rows)
    found = [row for row in rows if row.budget_ms is not None and row.top1 is not None]
    if plain is None or plain.top1 is None or not found:
        return []
    clear = []
    largest_noise = 0.0
    for row in found:
        difference = (row.top1 or 0.0) - plain.top1
        # Both saw the same images, so that in truth it is rather smaller.
        noise = _CLEAR_STANDARD_ERRORS * math.hypot(row.standard_error, plain.standard_error)
        largest_noise = max(largest_noise, noise)
        if abs(difference) > noise:
            side = "above" if difference > 0 else "below"
            clear.append(f"that for {row.title} ms is {points_in_words(abs(difference))} points {side} it")
    conclusion = (
        "Accuracy: no found subnet differs clearly from the plain Keras net: differences of up to "
        f"{points_in_words(largest_noise)} points (two standard errors) may be chance."
    )
    if clear:
        conclusion = (
            "Accuracy: found subnets that differ from the plain Keras net by more than two standard errors: "
            f"{'; '.join(clear)}."
        )
    return [conclusion, *_list_beaten(plain, found)]


def _list_beaten(plain: _Row, found: Sequence[_Row]) -> list[str]:
    """A line where the plain net is as good as found subnets in both respects."""
    beaten = []
    for row in found:
        # Where one was not measured, nothing is told.
        is_no_slower = (plain.latency_ms or math.inf) <= (row.latency_ms or 0.0)
        is_no_less_accurate = (plain.top1 or 0.0) >= (row.top1 or math.inf)
        if is_no_slower and is_no_less_accurate:
            beaten.append(row.title)
    if not beaten:
        return []
    budgets = " and ".join(beaten)
    return [f"The plain Keras net is no slower and no less accurate here than what was found for {budgets} ms."]


def _conclude_cost(seconds: Mapping[str, float | None], rows: Sequence[_Row]) -> list[str]:
    """What training once cost, and from how many budgets on it is the cheaper way."""
    train_seconds = seconds["train"]
    if train_seconds is None:
        return ["Cost: how long the training took is not known: an older version trained."]
    searches = [row.search_seconds for row in rows if row.search_seconds is not None]
    # Another tool may have built the latency table; nothing tells what that took.
    table_seconds = (seconds["accuracy_table"] or 0.0) + (seconds.get("latency_table") or 0.0)
    fit_seconds = _seconds_before_searches(seconds, searches)
    once = train_seconds + table_seconds + (fit_seconds or 0.0)
    told = (
        f"Cost: training once took {train_seconds:.0f} s, measuring accuracies and this device's latencies "
        f"{table_seconds:.0f} s"
    )
    if fit_seconds is not None:
        told += f", fitting the accuracy predictor {fit_seconds:.0f} s"
    lines = [f"{told}; then each budget took {_mean(searches):.1f} s."]
    plain = _find_plain(rows)
    if plain is None or plain.train_seconds is None:
        return lines
    saved = plain.train_seconds - _mean(searches)
    if saved <= 0:
        lines.append(
            f"A plain net for each budget takes {plain.train_seconds:.0f} s: here training once does not pay, "
            "however many there are."
        )
        return lines
    num_budgets = math.floor(once / saved) + 1
    lines.append(
        f"A plain net for each budget takes {plain.train_seconds:.0f} s, without looking for one that keeps to it: "
        f"training once is cheaper from {count_in_words(num_budgets, 'budget')} on."
    )
    return lines


def _seconds_before_searches(seconds: Mapping[str, float | None], searches: Sequence[float]) -> float | None:
    """What the step of the searches took besides them: fitting the predictor that all budgets share.

    Args:
        seconds: Of each step.
        searches: Seconds of each search.

    Returns:
        Seconds; `None` in a summary that does not have those of the step.
    """
    step_seconds = seconds.get("search")
    if step_seconds is None:
        return None
    return max(0.0, step_seconds - sum(searches))


def _find_plain(rows: Sequence[_Row]) -> _Row | None:
    for row in rows:
        if row.name == PLAIN_NETWORK:
            return row
    return None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
