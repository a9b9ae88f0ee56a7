"""Names that integration code imports from here; they live in `tasks.resolver`."""

from tasks.resolver import (
    ConsistencyModel,
    PartitionState,
    StatisticalCAPResolver,
    StatisticalUpdate,
)

__all__ = [
    "ConsistencyModel",
    "PartitionState",
    "StatisticalCAPResolver",
    "StatisticalUpdate",
]
