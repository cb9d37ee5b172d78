"""What else is asked of a model before a person puts their name under it: one question per file."""
