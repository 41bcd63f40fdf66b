"""How the report calls metrics, slices and spans of time."""

_METRICS = {"auc": "AUC", "gauc": "GAUC", "uauc": "uAUC", "log_loss": "log loss", "loss": "loss"}


def metric_name(name: str) -> str:
    """Returns what people call a metric.

    Example:

    >>> metric_name("gauc"), metric_name("calibration")
    ('GAUC', 'calibration')
    """
    return _METRICS.get(name, name.replace("_", " "))


def number(value: float) -> str:
    """Returns a metric's value: a rate with four places, a count with none.

    Example:

    >>> number(0.71234), number(55_000)
    ('0.7123', '55,000')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4f}"


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
