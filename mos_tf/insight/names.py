"""How the report calls metrics, slices and spans of time."""

_METRICS = {
    "auc": "AUC",
    "gauc": "GAUC",
    "uauc": "uAUC",
    "gauc_users": "users",
    "gauc_one_class_users": "users left out",
}
_COUNTS = ("candidates", "gauc_users", "gauc_one_class_users")


def metric_name(name: str) -> str:
    """Returns what people call a metric.

    Example:

    >>> metric_name("gauc"), metric_name("calibration")
    ('GAUC', 'calibration')
    """
    return _METRICS.get(name, name.replace("_", " "))


def is_count(metric: str) -> bool:
    """Returns whether a metric counts what the others are taken over."""
    return metric in _COUNTS


def number(value: float, metric: str) -> str:
    """Returns a metric's value: a rate with four places, a count with none.

    Example:

    >>> number(0.71234, "auc"), number(15, "candidates")
    ('0.7123', '15')
    """
    return f"{value:,.0f}" if is_count(metric) else f"{value:.4f}"


def slice_name(name: str) -> str:
    """Returns a slice in words.

    Example:

    >>> slice_name("overall"), slice_name("history_length=10-99")
    ('overall', 'history length 10–99')
    """
    feature, _, value = name.partition("=")
    return f"{feature.replace('_', ' ')} {value.replace('-', '–')}" if value else feature


def span(seconds: float) -> str:
    """Returns a span of time as one reads it.

    Example:

    >>> span(0.42), span(48.2), span(214), span(4000)
    ('0.4 s', '48 s', '3 min 34 s', '1 h 6 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
