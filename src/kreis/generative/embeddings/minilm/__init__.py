"""all-MiniLM-L6-v2 in int8: its tokens, its graph, and what runs it."""
