"""The demo: the simulator as a stranger's process, the product as a real one, two kills on the way, and the proof.

Nothing here is part of collecting. Both processes are started by command, neither by import.
"""
