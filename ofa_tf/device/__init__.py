"""Measuring TFLite models: devices, latency tables and latency models."""
