"""What only generative projects need: documents, knowledge bases, prompts, language models, guards, tools, caches."""
