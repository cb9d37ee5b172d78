"""Kinds of questions that may be asked of a column: one file each, one protocol."""
