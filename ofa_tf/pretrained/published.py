"""Results that the authors of Once-for-All published; none of them was measured here.

For reports, beside one's own figures. ImageNet top-1 of the specialized networks,
whose files tools/import_specialized.py reads.
"""

import dataclasses
import re

_SOURCE = "list of specialized networks, README of github.com/mit-han-lab/once-for-all"
_PAPER = "Once-for-All, Cai et al., ICLR 2020"

# Names as published: what was limited and to how much, top-1, epochs of fine-tuning.
_NAMES = (
    "flops@595M_top1@80.0_finetune@75",
    "flops@482M_top1@79.6_finetune@75",
    "flops@389M_top1@79.1_finetune@75",
    "pixel1_lat@143ms_top1@80.1_finetune@75",
    "pixel1_lat@132ms_top1@79.8_finetune@75",
    "pixel1_lat@79ms_top1@78.7_finetune@75",
    "pixel1_lat@58ms_top1@76.9_finetune@75",
    "pixel1_lat@40ms_top1@74.9_finetune@25",
    "pixel1_lat@28ms_top1@73.3_finetune@25",
    "pixel1_lat@20ms_top1@71.4_finetune@25",
    "pixel2_lat@62ms_top1@75.8_finetune@25",
    "pixel2_lat@50ms_top1@74.7_finetune@25",
    "pixel2_lat@35ms_top1@73.4_finetune@25",
    "pixel2_lat@25ms_top1@71.5_finetune@25",
    "note10_lat@64ms_top1@80.2_finetune@75",
    "note10_lat@50ms_top1@79.7_finetune@75",
    "note10_lat@41ms_top1@79.3_finetune@75",
    "note10_lat@30ms_top1@78.4_finetune@75",
    "note10_lat@22ms_top1@76.6_finetune@25",
    "note10_lat@16ms_top1@75.5_finetune@25",
    "note10_lat@11ms_top1@73.6_finetune@25",
    "note10_lat@8ms_top1@71.4_finetune@25",
    "note8_lat@65ms_top1@76.1_finetune@25",
    "note8_lat@49ms_top1@74.9_finetune@25",
    "note8_lat@31ms_top1@72.8_finetune@25",
    "note8_lat@22ms_top1@70.4_finetune@25",
    "s7edge_lat@88ms_top1@76.3_finetune@25",
    "s7edge_lat@58ms_top1@74.7_finetune@25",
    "s7edge_lat@41ms_top1@73.1_finetune@25",
    "s7edge_lat@29ms_top1@70.5_finetune@25",
    "LG-G8_lat@24ms_top1@76.4_finetune@25",
    "LG-G8_lat@16ms_top1@74.7_finetune@25",
    "LG-G8_lat@11ms_top1@73.0_finetune@25",
    "LG-G8_lat@8ms_top1@71.1_finetune@25",
)
# Either multiply-accumulates (which the authors call FLOPs) or the latency on a phone was limited.
_NAME = re.compile(
    r"(?:flops@(?P<millions>\d+)M|(?P<device>[\w-]+)_lat@(?P<latency_ms>\d+)ms)"
    r"_top1@(?P<percent>[\d.]+)"
    r"_finetune@(?P<epochs>\d+)"
)


@dataclasses.dataclass(frozen=True)
class PublishedResult:
    """A published network; what its source does not say is `None`.

    Args:
        name: As published.
        top1: ImageNet top-1 accuracy in [0, 1].
        num_macs: Multiply-accumulates.
        image_size: Input height and width, pixels. The lists name none; each
            network's run.config does, see tools/import_specialized.py.
        device: Phone that the latency was measured on.
        latency_ms: Milliseconds.
        finetune_epochs: Epochs of training after the subnet was cut out.
        source: Where it was published.
    """

    name: str
    top1: float
    num_macs: int | None = None
    image_size: int | None = None
    device: str | None = None
    latency_ms: float | None = None
    finetune_epochs: int = 0
    source: str = _SOURCE


_WITHOUT_FINETUNING = PublishedResult(
    name="pixel1_lat@58ms, no fine-tuning",
    top1=0.76,
    num_macs=230_000_000,
    device="pixel1",
    latency_ms=58.0,
    source=_PAPER,
)


def published_results() -> list[PublishedResult]:
    """The published networks for mobile processors, and what the paper says of one before fine-tuning."""
    return [_WITHOUT_FINETUNING, *(_read_name(name) for name in _NAMES)]


def _read_name(name: str) -> PublishedResult:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"Expected a published network's name. Received: {name}.")

    num_macs = None
    if match["millions"] is not None:
        num_macs = int(match["millions"]) * 1_000_000
    latency_ms = None
    if match["latency_ms"] is not None:
        latency_ms = float(match["latency_ms"])
    return PublishedResult(
        name=name,
        top1=round(float(match["percent"]) / 100, 4),
        num_macs=num_macs,
        device=match["device"],
        latency_ms=latency_ms,
        finetune_epochs=int(match["epochs"]),
    )
