"""The command `consilience consensus`; heavy imports happen inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import Home, Json, Now

__all__ = ["consensus"]


def consensus(
    agent: Annotated[
        str | None,
        typer.Argument(help="Explain this agent; without, decide about all of them."),
    ] = None,
    home: Home = Path("data"),
    *,
    night: Annotated[
        str, typer.Option(help="Last night, YYYY-MM-DD, or latest.")
    ] = "latest",
    nights: Annotated[
        int, typer.Option(help="Nights before it whose evidence counts as well.")
    ] = 60,
    mode: Annotated[
        str,
        typer.Option(help="robust withstands lying sources, exact believes everybody."),
    ] = "robust",
    liars: Annotated[
        int | None,
        typer.Option(help="Lying sources to withstand; (n - 1) // 3 when absent."),
    ] = None,
    prior: Annotated[
        float, typer.Option(help="Probability before any evidence of 'compromised'.")
    ] = 0.01,
    tempering: Annotated[
        float | None,
        typer.Option(help="Share of the evidence that is independent; else estimated."),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(help="A source to reckon with although it is silent; repeatable."),
    ] = None,
    signed_only: Annotated[
        bool, typer.Option("--signed-only", help="Leave out what is not signed.")
    ] = False,
    one_voice: Annotated[
        bool,
        typer.Option(help="Count sources that repeat one another once."),
    ] = True,
    weights: Annotated[
        str | None,
        typer.Option(help="learnt: in mode exact, as far as others bear it out."),
    ] = None,
    informative: Annotated[
        int | None,
        typer.Option(help="Honest sources known to tell the hypotheses apart."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="local, threads, a YAML file, or tcp://host:port; else this process."
        ),
    ] = None,
    worker_faults: Annotated[
        int | None,
        typer.Option(help="Faulty workers of the cluster to withstand."),
    ] = None,
    top: Annotated[int, typer.Option(help="Agents shown, the likeliest first.")] = 20,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the table; HOME/posteriors/RUN when absent."),
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Weigh the evidence of all sources, also where some of them lie.

    Says for every agent how likely it is compromised, whether that is certain enough to
    be decided whichever sources lie, and what the answer rests on.  Publishes the
    posteriors of all agents in the store and as Parquet.  With AGENT it explains that
    one and writes nothing: who says what, what would change it, who is left out.
    """
    from flows.consensus import consensus_here  # noqa: PLC0415
    from flows.consensus_parameters import ConsensusParameters  # noqa: PLC0415
    from flows.console import Console  # noqa: PLC0415

    with Console(json=json) as console:
        given = {
            "home": home, "agent": agent, "night": night, "nights": nights,
            "mode": mode, "liars": liars, "prior": prior, "tempering": tempering,
            "expected": tuple(expect or ()), "signed_only": signed_only,
            "one_voice": one_voice, "weights": weights, "informative": informative,
            "cluster": cluster, "worker_faults": worker_faults,
            "top": top, "output": output, "now": now,
        }  # fmt: skip
        parameters = ConsensusParameters.model_validate(given)
        console.answer(consensus_here(parameters).answer())
