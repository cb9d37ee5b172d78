"""What a project declares to go with each answer: one kind per file, fitted when a model is packaged."""
