"""`Soc`: a chip whose neural processor models are compiled for. Loads neither TensorFlow nor LiteRT."""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.base.registry import Registry
from ofa_tf.tflite.lowering.targets import NPU

_EXAMPLE = "npu:qualcomm:SM8650"


@dataclasses.dataclass(frozen=True)
class Vendor:
    """Who makes chips, and the compiler for their neural processors.

    Args:
        name: What users call it.
        litert_name: What its module and its plug-in are called in LiteRT's package.
        sdk_module: The Python module that brings the vendor's compiler.
        sdk_package: What installs the module, for pip.
        lacks_compiler: Whether that package has no compiler, so that only partitions can be told.
    """

    name: str
    litert_name: str
    sdk_module: str
    sdk_package: str
    lacks_compiler: bool = False


VENDORS: Registry[Vendor] = Registry("vendor of neural processors")
for _vendor in (
    Vendor("qualcomm", "qualcomm", "ai_edge_litert_sdk_qualcomm", "ai-edge-litert-sdk-qualcomm"),
    Vendor("mediatek", "mediatek", "ai_edge_litert_sdk_mediatek", "ai-edge-litert-sdk-mediatek"),
    Vendor("google", "google_tensor", "ai_edge_litert_sdk_google_tensor", "ai-edge-litert-sdk-google-tensor"),
    Vendor("samsung", "samsung", "ai_edge_litert_sdk_samsung", "ai-edge-litert-sdk-samsung"),
    # LiteRT 2.3 loads the library of this version, and no other.
    Vendor("intel", "intel_openvino", "openvino", "openvino==2026.3.1", lacks_compiler=True),
):
    VENDORS.register(_vendor.name, _vendor)


@dataclasses.dataclass(frozen=True)
class Soc:
    """A system on a chip, with a neural processor.

    Args:
        vendor: Who makes it.
        model: What the vendor calls it, such as `"SM8650"`.
    """

    vendor: Vendor
    model: str

    @property
    def name(self) -> str:
        """What users call it: `"qualcomm:SM8650"`."""
        return f"{self.vendor.name}:{self.model}"

    @property
    def file_suffix(self) -> str:
        """What the names of files of it end in, before the dot: `"qualcomm_SM8650"`."""
        return f"{self.vendor.name}_{self.model}"


def split_target(text: str) -> tuple[str, Soc | None]:
    """A target as users write it: its name alone, or `npu:VENDOR:CHIP`.

    Args:
        text: What they wrote.

    Returns:
        The name of the target, which may be none, and the chip, if one is named.

    Raises:
        InputError: If a chip is named that LiteRT knows no compiler for, or of another target
            than `"npu"`.
    """
    name, *of_chip = text.split(":")
    if not of_chip:
        return name, None
    if name != NPU.name or len(of_chip) != 2 or of_chip[0] not in VENDORS:
        raise InputError(
            f"Expected a target, or npu:VENDOR:CHIP with a vendor of {list(VENDORS)}, such as {_EXAMPLE}. "
            f"Received: {text}. Name one of those, or leave the chip out: --target={NPU.name} makes a model for any."
        )
    vendor_name, model = of_chip
    vendor = VENDORS[vendor_name]
    known = _known_models(vendor)
    if model not in known:
        raise InputError(
            f"Expected a chip that LiteRT compiles for. Received: {text}. Of {vendor_name} it knows "
            f"{', '.join(known)}. Name one of them, or leave the chip out: --target={NPU.name} makes a model for any."
        )
    return name, Soc(vendor, model)


def _known_models(vendor: Vendor) -> list[str]:
    """The chips of a vendor that LiteRT has a name for, but for the name of all together."""
    from ofa_tf.tflite.npu.litert_plugins import soc_models

    return soc_models(vendor.litert_name)
