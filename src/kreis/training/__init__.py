"""Training: candidates, baselines always among them, each left behind as data (ONNX or an expression)."""
