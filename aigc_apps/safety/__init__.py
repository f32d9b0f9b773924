"""What is asked of a generator is looked at first, and what it gives says where it comes from.

Every application of chapter 6 uses it; chapter 6.4 signs a film with it.
"""

from aigc_apps.safety.fields import FieldPolicy, check_output, field_policy
from aigc_apps.safety.labels import read_labels
from aigc_apps.safety.measure import Injection, Refusals, count_refusals, injections
from aigc_apps.safety.policy import POLICY, Policy, Refused
from aigc_apps.safety.provenance import Provenance, file_comment, made_by_line

__all__ = [
    "POLICY",
    "FieldPolicy",
    "Injection",
    "Policy",
    "Provenance",
    "Refusals",
    "Refused",
    "check_output",
    "count_refusals",
    "field_policy",
    "file_comment",
    "injections",
    "made_by_line",
    "read_labels",
]
