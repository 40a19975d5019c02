# SPDX-License-Identifier: BSD-3-Clause
"""The kinds of results that have a page: a new one is a file beside this and a row here. A row gives, for
a result of that kind (bevel_results.open(FILE).kind), the function that lays its page out:
page(result, data, settings) -> page.Page, where data is a Data (data.py) or None.
"""
from report_page import cv, dictionary, front, network, path, stability, study

PAGES = {
    "path": path.page,
    "cv": cv.page,
    "stability": stability.page,
    "network": network.page,
    "front": front.page,
    "dictionary": dictionary.page,
    "study": study.page,
}
