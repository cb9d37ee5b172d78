"""The tabular way: rows with two times, feature views, candidates that leave training as data."""
