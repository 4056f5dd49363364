#!/usr/bin/env python3
"""Asks the five questions of a fraud desk: prints the answers as tables, and draws each as a picture."""

import argparse
import sqlite3
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

QUERIES = Path(__file__).parent / "queries"
BLUE, RED, GREY = "#3b6ea5", "#c0392b", "#b8c4d0"


def conversion(axes, rows):
    rows = rows[:20][::-1]
    names = [f"{row['tenant']}  {row['prefix']}" for row in rows]
    axes.barh(names, [row["issued"] for row in rows], color=GREY, label="issued")
    axes.barh(names, [row["verified"] for row in rows], color=BLUE, label="verified")
    for at, row in enumerate(rows):
        axes.text(row["issued"], at, f" {row['conversion_percent']:.0f} %", va="center", fontsize=8)
    axes.set_title("Conversion by tenant and prefix: the 20 with most codes")
    axes.set_xlabel("codes")
    axes.margins(x=0.1)
    axes.legend(loc="lower right")


def time_to_verify(axes, rows):
    for tenant in sorted({row["tenant"] for row in rows}):
        mine = [row for row in rows if row["tenant"] == tenant]
        total = sum(row["verified"] for row in mine)
        shares = [100 * row["verified"] / total for row in mine]
        axes.plot([row["from_s"] + 5 for row in mine], shares, marker="o", markersize=3, label=f"{tenant} ({total})")
    axes.set_title("Time from the first delivery to the use of a code")
    axes.set_xlabel("seconds, in steps of ten")
    axes.set_ylabel("% of the tenant's verified codes")
    axes.legend()


def lock_rate(axes, rows):
    axes.bar([row["day"] for row in rows], [row["lock_percent"] for row in rows], color=BLUE)
    for at, row in enumerate(rows):
        axes.text(at, row["lock_percent"], f"{row['locked']} of {row['subjects']}", ha="center", va="bottom", fontsize=8)
    axes.set_title("Locked subjects, of those that got a code on the day")
    axes.set_ylabel("%")


def resend_rate(axes, rows):
    axes.bar([row["prefix"] for row in rows], [row["resends_percent"] for row in rows], color=BLUE)
    axes.set_title("Deliveries again for 100 codes issued, by prefix")
    axes.set_xlabel("first four digits of the number")
    axes.set_ylabel("resends for 100 codes")


def reasons(axes, rows):
    rows = rows[:12][::-1]
    names = [f"{row['what']}: {row['reason']}" for row in rows]
    colours = [RED if row["what"] == "rejected" else GREY for row in rows]
    axes.barh(names, [row["events"] for row in rows], color=colours)
    for at, row in enumerate(rows):
        axes.text(row["events"], at, f" {row['events']}", va="center", fontsize=8)
    axes.set_title("Why verifications were rejected, and deliveries did not happen")
    axes.set_xlabel("events")
    axes.margins(x=0.1)


PICTURES = [conversion, time_to_verify, lock_rate, resend_rate, reasons]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="otp.sqlite")
    parser.add_argument("--pictures", type=Path, help="the directory for the pictures; absent: tables alone")
    arguments = parser.parse_args()
    connection = sqlite3.connect(f"file:{arguments.database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    for picture in PICTURES:
        name = picture.__name__
        cursor = connection.execute((QUERIES / f"{name}.sql").read_text(encoding="utf-8"))
        rows = cursor.fetchall()
        print(f"# {name}")
        for row in [[column[0] for column in cursor.description], *rows]:
            print(*row, sep="\t")
        print()
        if arguments.pictures:
            figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
            picture(axes, rows)
            arguments.pictures.mkdir(parents=True, exist_ok=True)
            # Without the version of matplotlib in it, the same data gives the same file.
            figure.savefig(arguments.pictures / f"{name}.png", dpi=100, metadata={"Software": None})
            pyplot.close(figure)


if __name__ == "__main__":
    main()
