"""The microcontroller generator: a full-integer TFLite file becomes a C99 library.

``reader`` parses the file into a ``graph``; ``passes`` rewrite it, each exactly; ``lowering`` turns
each operator into a ``step`` that calls kernels; ``memory`` plans the arena; ``emit`` writes the C.
Contract of all of it: the outputs equal those of LiteRT with ``BUILTIN_REF`` to the last bit.
"""

# The file that a library was generated from lies beside it, for whoever wants to check.
SOURCE_MODEL = "model.tflite"
