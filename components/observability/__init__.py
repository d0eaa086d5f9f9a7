"""What makes a stack visible: metrics of every service, Prometheus with its rules, alerts, dashboards."""
