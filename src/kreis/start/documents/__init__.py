"""From a folder of documents to a project that answers questions from them."""
