"""Fuzzing of everything that reads bytes: `python -m tests.fuzz --help`.

`parsers` says for each parser how one input is read and what inputs to begin with; `guided` runs one in a process of its own
under atheris (libFuzzer, guided by coverage), `blind` makes mutations without it, for the test suite.
"""
