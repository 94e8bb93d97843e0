"""The language: schemas, codec, rules, policy, forms."""
