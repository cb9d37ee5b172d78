"""Validators: what an answer must satisfy beyond its schema, as data."""
