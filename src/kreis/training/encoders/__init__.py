"""Columns as models take them: one way of encoding in each file."""
