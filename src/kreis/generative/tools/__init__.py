"""Tools: typed functions that a model may ask for, under policy."""
