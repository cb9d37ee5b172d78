"""Questions: the service core for releases that answer them, and what it loads for that."""
