"""Prompts: files at a version, rendered to messages."""
