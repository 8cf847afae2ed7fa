"""From a checkpoint to a bundle: the ONNX graph, its quantization, the proof that it still counts as well."""
