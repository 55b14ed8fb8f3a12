"""The operating system: files, signals, the machine."""
