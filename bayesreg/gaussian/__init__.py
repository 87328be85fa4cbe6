"""What is exact because one quadratic is all: closed forms, independent draws, evidence, LOO."""
