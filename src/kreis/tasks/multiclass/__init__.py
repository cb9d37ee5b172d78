"""Which of several classes: the task, its metric and its temperature."""
