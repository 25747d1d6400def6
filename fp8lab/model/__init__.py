"""Real numbers to look at: two small pretrained models, and samples taken from them.

`load_sample` needs NumPy alone and always answers. The models themselves are fetched
with ``fp8lab fetch-models`` and read with the ``model`` extra; see `minilm` and
`smollm2`.
"""

from fp8lab.model.samples import Sample, load_sample, sample_names

__all__ = ["Sample", "load_sample", "sample_names"]
