"""What other systems call: JSON in, JSON out, and nobody who is not known."""
