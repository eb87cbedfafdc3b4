"""The console script ``report``."""

import sys

import matplotlib as mpl
import pandas as pd
from sklearn.cluster import KMeans

mpl.use("Agg")

POINTS = [(1.0, 1.1), (1.2, 0.9), (0.8, 1.0), (5.0, 5.2), (5.1, 4.9), (4.8, 5.0)]


def clustered() -> pd.DataFrame:
    """Return the points with the group that each belongs to."""
    table = pd.DataFrame(POINTS, columns=["x", "y"])
    table["group"] = KMeans(n_clusters=2, n_init=10, random_state=0).fit_predict(table[["x", "y"]])
    return table


def main() -> int:
    """Draw the groups into the file that is named on the command line."""
    table = clustered()
    path = sys.argv[1] if len(sys.argv) > 1 else "clusters.png"
    table.plot.scatter(x="x", y="y", c="group", colormap="viridis").figure.savefig(path)
    print(f"{table['group'].nunique()} groups of {len(table)} points, drawn into {path}")
    return 0
