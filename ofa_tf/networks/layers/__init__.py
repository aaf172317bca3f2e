"""Elastic layers: Keras layers whose size is a call argument."""
