"""What is measured of a trained model, a config or a machine."""
