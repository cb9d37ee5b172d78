"""Metrics, one per file: a value on rows, and what each row contributed to it."""
