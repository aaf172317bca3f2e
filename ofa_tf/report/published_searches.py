"""What the papers of the compared methods report: figures of others, on other data and machines, with their sources."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class PublishedSearch:
    """What a paper reports of a method.

    Args:
        method: Name of the method.
        data: What it was measured on.
        cost: What it took, as the paper says it.
        top1: Accuracy on the test images, percent, as the paper says it.
        latency: Of the network, as the paper says it; empty where it gives none.
        source: Where that stands.
    """

    method: str
    data: str
    cost: str
    top1: str
    latency: str
    source: str


_ONCE_FOR_ALL = "Cai et al., ICLR 2020, table 1 (arXiv 1908.09791)"

PUBLISHED_SEARCHES = (
    PublishedSearch(
        method="Once-for-All, no fine-tuning",
        data="ImageNet",
        cost="1,200 GPU hours of training and 40 of search, once",
        top1="76.0",
        latency="58 ms, Pixel 1",
        source=_ONCE_FOR_ALL,
    ),
    PublishedSearch(
        method="ProxylessNAS",
        data="ImageNet",
        cost="200 GPU hours of search and 300 of training for each network",
        top1="74.6",
        latency="71 ms, Pixel 1",
        source=f"as told by {_ONCE_FOR_ALL}; the method: arXiv 1812.00332",
    ),
    PublishedSearch(
        method="Single-Path NAS",
        data="ImageNet",
        cost="30 TPU hours of search (8 epochs) for each network",
        top1="74.96",
        latency="79 ms, Pixel 1",
        source="Stamoulis et al., ECML PKDD 2019, abstract (arXiv 1904.02877)",
    ),
    PublishedSearch(
        method="DARTS, first order",
        data="CIFAR-10",
        cost="1.5 GPU days of search, 1 of selection and 1.5 of training for each network",
        top1="97.00",
        latency="",
        source="Liu et al., ICLR 2019, table 1 (arXiv 1806.09055)",
    ),
)

# What 40 networks cost, of which Once-for-All fine-tunes none.
PUBLISHED_SAVINGS = (
    "Published (table 1 of arXiv 1908.09791, ICLR 2020): for 40 deployment scenarios Once-for-All takes 1,200 GPU "
    "hours in all, ProxylessNAS 20,000, FBNet-C 23,000 and MnasNet 1,600,000."
)
