"""ARM64 cores: phone runtimes under emulation."""
