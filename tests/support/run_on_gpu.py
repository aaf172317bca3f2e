"""Loads a model on LiteRT's GPU accelerator, in a process of its own, and runs it on images.

    python run_on_gpu.py MODEL [IMAGES.npy OUTPUTS.npy]

Prints `fully accelerated` or `partly accelerated`; what LiteRT says of operators that stay on the CPU goes to stderr.
"""

import sys

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.options import GpuOptions, Options


def load(model_path: str) -> CompiledModel:
    """The model on the GPU, with the CPU for what the GPU does not take."""
    options = Options(
        hardware_accelerators=HardwareAccelerator.GPU | HardwareAccelerator.CPU,
        gpu_options=GpuOptions(enforce_f32=True),
    )
    return CompiledModel.from_file(model_path, options=options)


def run(model: CompiledModel, images: np.ndarray) -> np.ndarray:
    """The outputs of a model of batch 1 for images, one after the other."""
    inputs = model.create_input_buffers(0)
    outputs = model.create_output_buffers(0)
    signature = model.get_signature_by_index(0)["key"]
    (output,) = model.get_output_tensor_details(signature).values()
    num_outputs = int(np.prod(output["shape"]))
    results = []
    for image in images:
        inputs[0].write(np.ascontiguousarray(image[np.newaxis]))
        model.run_by_index(0, inputs, outputs)
        results.append(outputs[0].read(num_outputs, output["dtype"]))
    return np.stack(results)


if __name__ == "__main__":
    loaded = load(sys.argv[1])
    print("fully accelerated" if loaded.is_fully_accelerated() else "partly accelerated")
    if len(sys.argv) > 2:
        np.save(sys.argv[3], run(loaded, np.load(sys.argv[2])))
