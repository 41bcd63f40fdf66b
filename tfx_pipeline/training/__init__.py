"""The Trainer's part: raw requests in, a ranker, its export and its record out."""
