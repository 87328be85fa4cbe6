"""What every room speaks: errors, checks of arguments, names of families, text, compilation."""
