"""The command `consilience labels`; heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import Json

__all__ = ["labels"]


def labels(
    file: Annotated[
        Path, typer.Argument(help="Table with a row per answer: Parquet or CSV.")
    ],
    *,
    item: Annotated[str, typer.Option(help="Column of the items.")] = "item",
    annotator: Annotated[
        str, typer.Option(help="Column of the annotators.")
    ] = "annotator",
    label: Annotated[str, typer.Option(help="Column of the labels.")] = "label",
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="A class nobody may have given; repeatable."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="dawid-skene: a confusion matrix per annotator; one-coin: an accuracy "
            "each; majority: one for all."
        ),
    ] = "dawid-skene",
    audit: Annotated[
        Path | None,
        typer.Option(help="Table of items whose label is known: learnt from, judged."),
    ] = None,
    folds: Annotated[
        int,
        typer.Option(
            help="Parts of the audit that the rest predicts; 0: no judgement."
        ),
    ] = 5,
    tempering: Annotated[
        float | None,
        typer.Option(help="Share of the answers that is independent; else estimated."),
    ] = None,
    one_vote: Annotated[
        bool,
        typer.Option(help="Annotators that share mistakes have one vote together."),
    ] = True,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="local, threads, a YAML file, or tcp://host:port; else this process."
        ),
    ] = None,
    top: Annotated[int, typer.Option(help="Annotators shown.")] = 20,
    out: Annotated[
        Path | None,
        typer.Option(help="New file for the posterior of every item: .parquet, .csv."),
    ] = None,
    json: Json = False,
) -> None:
    """Aggregate labels of annotators that err, copy or lie.

    Says how probable each label is for every item, how accurate each annotator is, who
    repeats whom, and, with --audit, how well labels are predicted whose truth is known.
    A repeated row counts once; an annotator who gives an item two labels does not count
    there.
    """
    from flows.console import Console  # noqa: PLC0415
    from flows.labels import LabelsParameters, labels_here  # noqa: PLC0415

    with Console(json=json) as console:
        given = {
            "file": file, "item": item, "annotator": annotator, "label": label,
            "classes": tuple(classes or ()), "method": method, "audit": audit,
            "folds": folds, "tempering": tempering, "one_vote": one_vote,
            "cluster": cluster, "top": top, "out": out,
        }  # fmt: skip
        console.answer(labels_here(LabelsParameters.model_validate(given)).answer())
