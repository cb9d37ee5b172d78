"""Which of several labels apply, any number of them: the task and its metric."""
