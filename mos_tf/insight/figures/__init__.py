"""The report's figures: one function each, all in one style, drawn without global state."""
