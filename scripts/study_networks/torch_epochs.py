# SPDX-License-Identifier: BSD-3-Clause
"""DATA.h5 lenet300|lenet5 BATCH EPOCHS: a line of JSON on PyTorch's fastest epoch."""
import json
import sys
import time

import h5py
import torch
from torch import nn


def network(arch):
    if arch == "lenet300":
        return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))
    return nn.Sequential(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))


def fastest(arch, X, y, batch, epochs, memory_format):
    torch.manual_seed(1)
    model, loss_of = network(arch), nn.CrossEntropyLoss()
    pieces = [X[k:k + batch] for k in range(0, len(X), batch)]
    if arch == "lenet5":
        model = model.to(memory_format=memory_format)
        pieces = [p.reshape(-1, 1, 28, 28).contiguous(memory_format=memory_format) for p in pieces]
    labels = [y[k:k + batch] for k in range(0, len(y), batch)]
    optimizer, best = torch.optim.Adam(model.parameters(), lr=1e-3), float("inf")
    for _ in range(epochs):
        order, began, total = torch.randperm(len(pieces)).tolist(), time.perf_counter(), 0.0
        for k in order:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(pieces[k]), labels[k])
            loss.backward()
            optimizer.step()
            total += loss.item()
        best = min(best, time.perf_counter() - began)
    return best


def main():
    path, arch, batch, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(2)
    with h5py.File(path, "r") as f:
        X, y = torch.tensor(f["X"][:]).float() / 255, torch.tensor(f["y"][:]).long()
    formats = {"contiguous": torch.contiguous_format}
    if arch == "lenet5":
        formats["channels_last"] = torch.channels_last
    times = {name: fastest(arch, X, y, batch, epochs, kind) for name, kind in formats.items()}
    how = min(times, key=times.get)
    print(json.dumps(dict(seconds=times[how], how=how, all=times, version=torch.__version__)))


main()
