"""The stages of a log line's way, in their order: discover, claim, settle, download, split, parse, batch, ship, audit.

Verbs; each in its own module, none imports another: they meet in `pipeline.py`. No clock, socket or thread but ports.
"""
