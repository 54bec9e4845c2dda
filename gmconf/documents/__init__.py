"""The operator's documents, and what users need to set up their programs: written from the site,
like every other file.
"""
