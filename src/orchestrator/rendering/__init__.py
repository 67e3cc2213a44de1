"""Turns a campaign's records into a mail: subject, HTML part and text part."""

from orchestrator.rendering.content import Branding, MailContent, RenderedMail, subject_line
from orchestrator.rendering.problems import Problem
from orchestrator.rendering.renderer import HTML, TEXT, Renderer, shipped_dir

__all__ = [
    "HTML",
    "TEXT",
    "Branding",
    "MailContent",
    "Problem",
    "RenderedMail",
    "Renderer",
    "shipped_dir",
    "subject_line",
]
