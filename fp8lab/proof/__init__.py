"""What `fp8lab prove` compares with: casts to FP8 that we did not write."""
