"""From a Keras subnet to TFLite."""
