"""User ids never reach logs, errors or dead letters in the clear."""

import hashlib


def hash_user(user_id: str) -> str:
    """Returns a short, stable pseudonym of a user id, fit for logs: the same user, the same pseudonym.

    Example:

    >>> hash_user("household-1") == hash_user("household-1") != hash_user("household-2")
    True
    """
    return "user:" + hashlib.blake2b(user_id.encode(), digest_size=6).hexdigest()
