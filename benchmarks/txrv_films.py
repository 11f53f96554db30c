"""TorchXRayVision's own reader over some films; run by ``bench_data.py`` with a python that has it, prints JSON.

Run: ``PYTHON_WITH_TORCHXRAYVISION benchmarks/txrv_films.py FOLDER LABELS.csv SIZE_PX N_FILMS``. Each film is read and
resized as its documentation has it (centre crop, 224 px), by one thread, without augmentation.
"""

import json
import sys
from time import perf_counter

import torch
from torchvision_operators import name_torchvision_operators


def main():
    folder, labels, size_px, n_films = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    name_torchvision_operators()
    import torchvision
    import torchxrayvision as xrv

    torch.set_num_threads(1)
    steps = [xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(size_px)]
    films = xrv.datasets.NIH_Dataset(
        imgpath=folder, csvpath=labels, transform=torchvision.transforms.Compose(steps), unique_patients=False
    )
    rates = []
    for _ in range(3):
        start = perf_counter()
        for position in range(n_films):
            assert films[position % len(films)]["img"].shape == (1, size_px, size_px)
        rates.append(n_films / (perf_counter() - start))
    sys.stdout.write(json.dumps({"films_per_s": max(rates), "version": xrv.__version__, "n_films": len(films)}))


if __name__ == "__main__":
    main()
