# SPDX-License-Identifier: BSD-3-Clause
"""The pages of scripts/report: kinds.py says which file makes which."""
