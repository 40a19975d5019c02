# SPDX-License-Identifier: BSD-3-Clause
"""What to draw of weights: numbers for the pictures of scripts/plot and scripts/report, numpy alone."""
import math

import numpy as np


def strength(first, kept, p):
    """Sum of |w| over what each of p inputs sends out; 0 of those that were cut."""
    out = np.zeros(p)
    out[kept] = np.abs(first).sum(axis=0)
    return out


def picture(values, shape, named):
    """p values of the inputs as an image: of the shape in the file, or square ones without names. None
    where they are no image."""
    shape = np.ravel(shape)
    if len(shape) == 3 and np.prod(shape) == len(values) and shape[1] > 1:
        return values.reshape(shape).sum(axis=0)
    side = math.isqrt(len(values))
    return values.reshape(side, side) if not named and side * side == len(values) and side >= 8 else None


def tiles(images):
    """K x height x width side by side, three across for two down, NaN between them."""
    across = math.ceil(math.sqrt(len(images) * 1.5))
    down = math.ceil(len(images) / across)
    height, width = images.shape[1:]
    out = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for k, image in enumerate(images):
        row, column = (k // across) * (height + 1), (k % across) * (width + 1)
        out[row:row + height, column:column + width] = image
    return out
