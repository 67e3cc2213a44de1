"""Outreach.Orchestrator."""
