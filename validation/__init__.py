"""What a row, a batch and a published table must hold, and who says so."""
