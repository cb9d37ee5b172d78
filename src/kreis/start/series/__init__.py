"""Series to be forecast: what a table says of them, and the project that is written for it."""
