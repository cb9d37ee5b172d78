"""Artifacts: content-addressed bytes, verified when read."""
