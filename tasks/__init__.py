"""Bind statistics to storage on Dask; thin Prefect tasks around that."""
