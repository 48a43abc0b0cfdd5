"""The command line: one small file per family of commands.

Parses and prints; what it wires comes from main.
"""
