"""Rows without a clock: a table whose columns are the features, declared in one call."""
