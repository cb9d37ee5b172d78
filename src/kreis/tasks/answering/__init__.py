"""Answering: the task, its metric, and what is measured of answers."""
