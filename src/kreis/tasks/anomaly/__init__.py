"""Anomaly detection: the task, its metric and its rows."""
