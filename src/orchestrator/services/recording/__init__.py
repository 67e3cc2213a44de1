"""Writing down what happened, and what follows from it: the one way anything gets into the ledger and the history."""
