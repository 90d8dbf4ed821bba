"""Stages as plain functions, the Prefect flows that wrap them, and the command line."""
