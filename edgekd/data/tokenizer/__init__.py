"""Texts to token numbers by Hugging Face ``tokenizers``: trained, trimmed, kept as JSON.

Tokenizers that are made here stay within what the Android app reads
(``core/preprocessing/tokenizer``), so that a phone cuts a text as training did.
"""

from edgekd.data.tokenizer.encoding import encode_texts
from edgekd.data.tokenizer.files import load_tokenizer, save_tokenizer, teacher_tokenizer
from edgekd.data.tokenizer.training import train_tokenizer
from edgekd.data.tokenizer.trimming import trim_tokenizer

__all__ = [
    "encode_texts",
    "load_tokenizer",
    "save_tokenizer",
    "teacher_tokenizer",
    "train_tokenizer",
    "trim_tokenizer",
]
