"""What a user declares of a project that answers from documents: knowledge bases, prompts, questions, candidates."""
