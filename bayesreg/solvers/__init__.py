"""Solvers: from a Problem to its optimum. One file each; certificate.py judges them all."""
