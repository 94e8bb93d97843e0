"""What judges a run: the evidence, the checker and its reference. It imports nothing of the
product.
"""
