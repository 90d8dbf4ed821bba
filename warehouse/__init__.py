"""What is kept: landing, raw files, lake, quarantine, ledger, publication and locks.

The only room that opens files and databases for writing, and the only one that knows SQLAlchemy.
"""
