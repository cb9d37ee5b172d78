"""A number: the task and its metric."""
