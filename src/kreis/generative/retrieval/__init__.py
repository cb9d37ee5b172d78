"""Retrieval: which chunks answer a question."""
