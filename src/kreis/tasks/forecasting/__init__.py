"""A number of a series, some periods ahead: the task."""
