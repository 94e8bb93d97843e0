"""What producers send: checked, simulated, converted, published."""
