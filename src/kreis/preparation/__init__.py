"""Preparation: silver and gold tables, feature views, the point-in-time training frame."""
