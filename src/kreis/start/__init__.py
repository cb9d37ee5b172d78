"""From a file to a project: what a table holds, what may be asked of it, and the files that ask it."""
