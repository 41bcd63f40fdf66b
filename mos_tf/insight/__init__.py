"""Looking at logs and at what a run learned: session hopping, figures and the report."""
