"""Pages: what is on record, laid out for people; the command line and notebooks show the same ones."""
