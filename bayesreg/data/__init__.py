"""Data before any model: designs, moments, files, formulas and shipped data sets."""
