"""Yes or no: the task, its metric and its threshold."""
