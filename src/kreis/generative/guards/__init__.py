"""Guards: what is looked for in questions and answers, in the order in which they act."""
