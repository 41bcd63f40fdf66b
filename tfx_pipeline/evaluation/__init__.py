"""What the stock Evaluator does not know: requests of many candidates, AUC within users, our gates."""
