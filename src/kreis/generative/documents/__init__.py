"""Documents: what they are, and how files become some."""
