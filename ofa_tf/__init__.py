"""Once-for-All supernets in Keras, down to quantized TFLite models on phones."""

__version__ = "0.1.0"
