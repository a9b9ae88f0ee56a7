"""Names that integration code imports from here; they live in `tasks.consensus`."""

from tasks.consensus import BayesianEvidence, EvidenceType, StableBayesianConsensus

__all__ = ["BayesianEvidence", "EvidenceType", "StableBayesianConsensus"]
