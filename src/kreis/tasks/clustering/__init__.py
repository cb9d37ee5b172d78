"""Clustering: the task, its metric and its rows."""
