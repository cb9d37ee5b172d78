"""Chunking: documents in parts that are found and cited."""
