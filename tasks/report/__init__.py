"""The nightly report: the numbers it says, the sentences, the figures and the page.

`night_report.py`, `rows.py` and `findings.py` hold the numbers as frozen values;
`collect*.py` fill them from a computed night; `headline.py`, `briefing.py`, `todo.py`
and `wording.py` put them into words; `figures.py` and its neighbours into places;
`render.py` draws the templates; `write_report.py` writes the page, its JSON, tables and
the index of nights; `supersede.py` tells older revisions about the newest.
"""
