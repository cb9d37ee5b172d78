"""Loaders: what turns files of a kind into documents."""
