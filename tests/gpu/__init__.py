"""The kernels at the sizes of the hardware: `make test-gpu` on a Hopper GPU."""
