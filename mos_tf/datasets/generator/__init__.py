"""Made logs whose themes, tastes and click probabilities are known."""
