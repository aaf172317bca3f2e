"""What the papers of the compared methods report: figures of others, on other data and machines, with their sources."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class PublishedSearch:
    """What a paper reports of a method.

    Args:
        method: Name of the method.
        data: What it was measured on.
        cost: What it took, as the paper says it.
        top1: Accuracy on the test images, percent.
        latency: Of the network, as the paper says it; empty where it gives none.
        source: Where that stands.
    """

    method: str
    data: str
    cost: str
    top1: float
    latency: str
    source: str


PUBLISHED_SEARCHES = (
    PublishedSearch(
        method="Once-for-All, no fine-tuning",
        data="ImageNet",
        cost="1,200 GPU hours once",
        top1=76.0,
        latency="58 ms, Pixel 1",
        source="Cai et al., ICLR 2020, section 4 (arXiv 1908.09791)",
    ),
    PublishedSearch(
        method="ProxylessNAS-Mobile",
        data="ImageNet",
        cost="200 GPU hours of search for each network",
        top1=74.6,
        latency="78 ms, Pixel 1",
        source="Cai et al., ICLR 2019 (arXiv 1812.00332)",
    ),
    PublishedSearch(
        method="Single-Path NAS",
        data="ImageNet",
        cost="30 TPU hours of search (8 epochs) for each network",
        top1=74.96,
        latency="79 ms, Pixel 1",
        source="Stamoulis et al., ECML PKDD 2019, abstract (arXiv 1904.02877)",
    ),
    PublishedSearch(
        method="DARTS, first order",
        data="CIFAR-10",
        cost="1.5 GPU days of search for each network",
        top1=97.0,
        latency="",
        source="Liu et al., ICLR 2019, table 1 (arXiv 1806.09055)",
    ),
)

# Of how many times fewer GPU hours Once-for-All needs for 40 deployment scenarios.
PUBLISHED_SAVINGS = (
    "Published (abstract of arXiv 1908.09791v1): with 40 deployment scenarios Once-for-All takes 14 times fewer GPU "
    "hours than ProxylessNAS, 16 times fewer than FBNet and 1,142 times fewer than MnasNet."
)
