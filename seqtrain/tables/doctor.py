"""The findings of doctor as text."""

from ..analysis.doctor import Finding


def format_finding(finding: Finding) -> str:
    """Lay out a finding in one line."""
    return f"{finding.verdict:8}{finding.name:12}{finding.text}"
