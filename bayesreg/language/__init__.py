"""What every room speaks: errors, checks of arguments, names as text."""
