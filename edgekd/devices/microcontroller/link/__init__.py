"""How a board is spoken to: frames, the emulator, the serial line."""
