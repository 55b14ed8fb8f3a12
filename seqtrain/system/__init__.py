"""What the operating system has to do with it: files, signals, the machine."""
