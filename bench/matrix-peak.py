"""PyTorch's best speed in products of matrices on this CPU, by element type: JSON, GFLOP/s. Run by matrix-peak.ts."""
import json
import sys
import time

import torch

threads, sizes = int(sys.argv[1]), json.loads(sys.argv[2])
REPEATS = 5
# A CPU without products in a type takes seconds for one.
SECONDS_PER_SIZE = 3
torch.set_num_threads(threads)


def speed(m: int, k: int, n: int, dtype: torch.dtype) -> float:
    """The best of some products [m, k] x [k, n], the second matrix transposed as in a linear layer."""
    a, b = torch.randn(m, k, dtype=dtype), torch.randn(n, k, dtype=dtype)
    best = float("inf")
    begun = time.perf_counter()
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        a @ b.t()
        best = min(best, time.perf_counter() - started)
        if time.perf_counter() - begun > SECONDS_PER_SIZE:
            break
    return 2 * m * k * n / best / 1e9


print(json.dumps({str(dtype)[6:]: max(speed(*size, dtype) for size in sizes) for dtype in (torch.float32, torch.bfloat16)}))
