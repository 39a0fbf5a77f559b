"""What a teacher tells a student: losses on logits, on features and inside transformers.

Imported only where torch is in use already.
"""

from edgekd.distill.signals.sum import SignalSum

__all__ = ["SignalSum"]
