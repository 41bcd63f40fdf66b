"""The TFX pipeline: raw events to a blessed and pushed ranking model."""
