"""Commands, alerts, dashboards, units and containers, and a broker with rights."""
