"""The semantic cache: an answer given again where its question is shown to be the same."""
