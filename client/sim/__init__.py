"""A venue without a network, for strategies, back-tests and tests: :mod:`client.sim.venue`."""

from .street import Flow, SimTick
from .terms import SimAsset, SimMarket, SimTerms
from .venue import SimVenue

__all__ = ["Flow", "SimAsset", "SimMarket", "SimTerms", "SimTick", "SimVenue"]
