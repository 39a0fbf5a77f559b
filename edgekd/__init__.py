"""edgekd: distill, compress, export and measure models for phones and microcontrollers."""

__version__ = "0.1.0"
