"""Names of the files that the stages of data leave for others, and the seeds of views."""

from __future__ import annotations

WAVEFORMS_FILE = "waveforms.npy"
TEXTS_FILE = "texts.json"
TOKENIZER_FILE = "tokenizer.json"
TEACHER_TOKENIZER_FILE = "teacher_tokenizer.json"
TEACHER_PADDING_FILE = "teacher_padding.json"
NAMES_FILE = "names.json"
VIEWS_FILE = "views.npy"
TEACHER_VIEWS_FILE = "teacher_views.npy"

# Both arms and every seed see the same views, so that the teacher is asked once about each.
VIEWS_SEED = {"student": 0, "teacher": 1}
