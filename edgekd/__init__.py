"""edgekd: distill, compress, export and measure models for phones and microcontrollers."""

import os

__version__ = "0.1.0"

# ONNX Runtime keeps a data base of what it is used for, and sends it. Not from here: the processes
# that edgekd starts inherit this.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
