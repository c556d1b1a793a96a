"""Faults on the wire: a TCP proxy that can be told to misbehave."""

from devkit.faults.proxy import FaultProxy, Toxic

__all__ = ["FaultProxy", "Toxic"]
