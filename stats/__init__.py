"""Pure functions and array-valued state: exact, mergeable statistics.  No I/O."""
