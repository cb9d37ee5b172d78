"""Numbers that states give to people, one country per file."""
