"""The suite of forged witnesses against the solvency program."""
