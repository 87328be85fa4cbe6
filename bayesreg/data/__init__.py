"""Data before any model: designs, moments, formulas and shipped data sets."""
