"""How `ofa_tf` is built and what it needs; exact versions are in constraints.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def read_version() -> str:
    """The version in ofa_tf/__init__.py, read as text so that nothing need be installed yet."""
    source = (ROOT / "ofa_tf" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if match is None:
        raise ValueError('Expected ofa_tf/__init__.py to hold a line `__version__ = "X.Y.Z"`. Received: no such line.')
    return match.group(1)


def read_long_description() -> str:
    """The README, or nothing in a tree that has none."""
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


# Lower bounds are the oldest versions that constraints.txt names for some Python,
# so each bound is tested. There are no caps: the packages that need one (tf_keras on
# TensorFlow, tensorflow-model-optimization on absl-py) declare it themselves.
REQUIREMENTS = [
    "absl-py>=1.4",
    "ai-edge-litert>=2.3",
    "importlib_resources>=7.1",  # tensorflow-datasets uses it on every Python but declares it only for old ones.
    "keras>=3.12",
    "lazy_loader>=0.6",
    "litert-quantizer>=0.11",
    "moocore>=0.3.2",
    "numpy>=2.2",
    "psutil>=7.2",
    "scikit-learn>=1.7",
    "scipy>=1.15",
    "setuptools",  # tensorflow-model-optimization imports distutils, which Python 3.12 and later lack.
    "tensorboard>=2.21",  # `tf.summary` needs it, and TensorFlow no longer brings it.
    "tensorflow>=2.21",
    "tensorflow-datasets>=4.9.10",
    "tensorflow-model-optimization>=0.8.1",
    "threadpoolctl>=3.5",
    "tqdm>=4.67",
    "tf_keras>=2.21",  # Keras 2, the only Keras that quantization-aware training works on.
]
REPORT_REQUIREMENTS = [
    "plotly>=7.1",  # brings plotly.js, which tools/report.py writes into its page.
]
MCU_REQUIREMENTS = [
    "tflite-micro>=0.dev20261023182759; platform_system == 'Linux' and platform_machine == 'x86_64'",  # has no others.
]
OPENVINO_REQUIREMENTS = [
    # LiteRT's plug-in loads the library of this version only.
    "openvino==2026.3.1; platform_system == 'Linux' and platform_machine == 'x86_64'",
]
DOCS_REQUIREMENTS = [
    "furo>=2025.12",
    "myst-nb>=1.4",  # brings MyST, which reads Markdown, and reads notebooks.
    "sphinx>=8.1",
]
TEST_REQUIREMENTS = [
    *MCU_REQUIREMENTS,
    *REPORT_REQUIREMENTS,
    "hypothesis>=6.168",
    "ipykernel>=7.3",  # with nbclient: runs the notebook of the documents.
    "nbclient>=0.11",
    "pillow>=12.3",
    "pytest>=9.1,!=9.2.0",  # pytest-xdist 3.8 sees no groups of tests in 9.2.0 (its issue 1386).
    "pytest-cov>=7.1",
    "pytest-xdist>=3.8",
    "selenium>=4.51",  # drives the browser that the report is tested in.
]
DEV_REQUIREMENTS = [
    *DOCS_REQUIREMENTS,
    *TEST_REQUIREMENTS,
    "import-linter>=2.15",
    "mypy>=2.4",
    "ruff>=0.17",
]

setup(
    name="ofa_tf",
    version=read_version(),
    description="Once-for-All supernets in Keras, down to quantized TFLite models on phones",
    long_description=read_long_description(),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=["ofa_tf", "ofa_tf.*"]),
    package_data={
        "ofa_tf": ["*.pyi"],
        "ofa_tf.report.page": ["*.css", "*.js"],
        "ofa_tf.tflite.npu": ["operators.json"],
        "ofa_tf.tflite.snippets": ["templates/*"],
    },
    install_requires=REQUIREMENTS,
    extras_require={
        "test": TEST_REQUIREMENTS,
        "dev": DEV_REQUIREMENTS,
        "docs": DOCS_REQUIREMENTS,
        "report": REPORT_REQUIREMENTS,
        "mcu": MCU_REQUIREMENTS,
        "pytorch": ["torch>=2.6"],
        "openvino": OPENVINO_REQUIREMENTS,
        "cuda": ["tensorflow[and-cuda]>=2.21"],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
