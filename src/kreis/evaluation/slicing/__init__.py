"""Where a model does worse than elsewhere: a search over all columns and their pairs."""
