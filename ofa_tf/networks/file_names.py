"""What the files of a run's networks are called. Loads neither TensorFlow nor Keras."""

SUPERNET_FILE = "supernet.keras"
