"""Kinds of answers: one module for each, with all that the analysis does differently for it.

`kind` has the base of all kinds. `ratings` has numbers for single texts, `preferences` choices between two
texts, `label_choices` choices among labels, `orders` orders of several texts, and `odd_one_out` odd texts.
"""
