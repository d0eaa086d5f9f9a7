"""The dashboards as typed Python. `python -m ops.dashboards` writes the JSON files that Grafana gets."""
