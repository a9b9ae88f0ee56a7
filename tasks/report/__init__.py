"""The nightly report: the numbers it says, the sentences, the figures and the page.

`night_report.py` and `rows.py` hold the numbers as frozen values; `collect*.py` fill
them from a computed night; `headline.py`, `briefing.py` and `wording.py` put them into
words; `figures.py` and `series.py` into places; `render.py` draws the templates; and
`write_report.py` writes the page, its JSON and the index of nights.
"""
