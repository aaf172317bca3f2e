"""Once-for-All supernets in Keras, down to quantized TFLite models on phones.

Importing this is cheap: TensorFlow is loaded when a name that needs it is first used. The
names stand in one table, `__init__.pyi`, which editors and type checkers read, too.
docs/architecture.md says what lies where.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
