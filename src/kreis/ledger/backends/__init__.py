"""The databases that can hold the ledger: one module each, alike in what they offer."""
