"""The kernels, in Triton's interpreter or, where there is a Hopper GPU, on it."""
