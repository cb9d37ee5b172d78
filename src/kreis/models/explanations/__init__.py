"""Why a model says what it says: what each feature adds to its answer, exactly, from arrays kept in the package."""
