"""Statistics over whole columns: NumPy arrays in, arrays out, NaN where a value is not defined."""
