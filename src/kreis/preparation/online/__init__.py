"""The online store: the rows that feature views aggregate when a request comes in."""
