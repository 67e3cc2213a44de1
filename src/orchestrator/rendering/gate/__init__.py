"""The template gate: what every mail must be before a stranger gets it, checked on mails made from the templates."""

from orchestrator.rendering.gate.check import Report, check, examine
from orchestrator.rendering.gate.findings import Finding, Part
from orchestrator.rendering.gate.mail import Mail
from orchestrator.rendering.gate.rules import RULES, Rule, Severity

__all__ = ["RULES", "Finding", "Mail", "Part", "Report", "Rule", "Severity", "check", "examine"]
