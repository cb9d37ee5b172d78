"""Reviews: what people say of items, several of them, each without knowing what the others said."""
