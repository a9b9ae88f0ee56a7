"""A store on S3 or what speaks its language: found by URL and environment."""

from __future__ import annotations

import os
from urllib.parse import urlparse

import icechunk

from storage.errors import StoreFormat

__all__ = ["object_storage"]

_REGION = "us-east-1"


def object_storage(url: str) -> icechunk.Storage:
    """Icechunk storage of an address such as ``s3://bucket/folder``.

    Parameters
    ----------
    url : str
        Bucket, and a prefix below which the store lies.

    Raises
    ------
    StoreFormat
        When no bucket is named.

    Notes
    -----
    Credentials and region come from the environment (``AWS_ACCESS_KEY_ID``,
    ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``), as for other tools.
    ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL`` names another server; buckets are
    then part of the path, and plain HTTP is allowed where the address says so.  The
    server has to honour conditional writes (``If-None-Match``, ``If-Match``): commits
    rest on them, and there is no lock beside them.
    """
    parts = urlparse(url)
    if not parts.netloc:
        raise StoreFormat(f"store {url}: no bucket. Give s3://bucket/folder.")
    found = (os.environ.get(f"AWS_ENDPOINT_URL{end}") for end in ("_S3", ""))
    endpoint = next((value for value in found if value), None)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return icechunk.s3_storage(
        bucket=parts.netloc,
        prefix=parts.path.strip("/") or None,
        region=region or (_REGION if endpoint else None),
        endpoint_url=endpoint,
        allow_http=bool(endpoint and endpoint.startswith("http://")),
        force_path_style=endpoint is not None,
        from_env=True,
    )
