"""Studies: many runs of some recipes, kept in a CSV.

The book's own studies are files in ``book/studies/``, beside their results.
"""
