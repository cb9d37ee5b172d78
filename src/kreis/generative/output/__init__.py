"""Output: what a model said, checked."""
