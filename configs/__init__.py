"""What a data manager edits, and the small package that reads and checks it.

Everything else may import this package; it imports nothing of the others.
"""
