"""Who or what is erased, and the places that hold documents: indexes, vectors, copies, packages."""
