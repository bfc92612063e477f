"""The arithmetic of the figures: arrays in, numbers out; nothing here knows a file or a model."""
