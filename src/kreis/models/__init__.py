"""What a model is made of: the bytes that are shipped, and what turns them into raw outputs."""
