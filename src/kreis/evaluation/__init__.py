"""Evaluation: metrics with intervals, slices, gates, model cards."""
