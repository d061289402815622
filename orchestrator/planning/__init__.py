"""Drafts a plan from what a repository holds."""

from orchestrator.planning.batches import batched
from orchestrator.planning.draft import Draft, DraftPhase, DraftTarget
from orchestrator.planning.drafter import Drafter, DraftRequest

__all__ = ["Draft", "DraftPhase", "DraftRequest", "DraftTarget", "Drafter", "batched"]
