"""Indexes: a knowledge base's chunks at a version, ready to be searched."""
