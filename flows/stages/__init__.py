"""The stages of a run as plain functions: intake, loading, building, publishing."""
