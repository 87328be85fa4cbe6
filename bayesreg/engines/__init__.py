"""Engines: from a Problem to draws of its posterior. One file each; base.py runs them all."""
