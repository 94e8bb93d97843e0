"""Grafana dashboards made from code: `python -m deploy.grafana` writes them as JSON.

The JSON is committed, so that running the system needs neither this package nor its library; a test
keeps both equal. It imports nothing of ours. To change a dashboard, change the code and
write it again.
"""
