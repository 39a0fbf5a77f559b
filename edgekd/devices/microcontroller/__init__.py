"""Microcontrollers: a generated C library becomes firmware that an emulator or a board runs."""
