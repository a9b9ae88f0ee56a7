"""Names that integration code imports from here; they live in `tasks.behavior`."""

from tasks.behavior import (
    AgentBehavioralData,
    BehavioralDistributedProtocol,
    HierarchicalStatisticalTree,
)

__all__ = [
    "AgentBehavioralData",
    "BehavioralDistributedProtocol",
    "HierarchicalStatisticalTree",
]
