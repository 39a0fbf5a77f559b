"""What ``sweep`` and ``fit`` show: settings, their tables and charts."""
