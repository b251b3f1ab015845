"""The report as one HTML file: what is in it, and the templates that it is laid out with.

Its parts are plain records (sentences, tables, pictures, facts, commands); page.py puts them into
the templates, which escape whatever comes out of the data.
"""
