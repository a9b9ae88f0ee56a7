"""Prefect flows and the command line: order, parameters, artifacts.  No maths."""
