"""Kinds of candidates, one in each file."""
