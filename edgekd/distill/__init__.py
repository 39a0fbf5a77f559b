"""Distillation: the loss and the training loop."""
