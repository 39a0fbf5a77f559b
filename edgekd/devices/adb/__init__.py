"""Real Android phones, through the user's own ``adb``."""
