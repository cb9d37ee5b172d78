"""Readers of files, one format per module; each gives a LazyFrame."""
