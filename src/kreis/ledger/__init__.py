"""The ledger: the record of every change of state, with a hash-chained audit."""
