"""Is every constraint needed? Constraints are removed one at a time, and a forged witness shows what each was for."""
