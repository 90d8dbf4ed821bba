"""Extracts of an invented school network, in the layouts and with the faults of real ones."""

from flows.demo.network import site_configuration
from flows.demo.plan import DemoFile, DemoPlan, PlantedFault, expected_outcome
from flows.demo.writing import SEED, write_demo

__all__ = [
    "SEED",
    "DemoFile",
    "DemoPlan",
    "PlantedFault",
    "expected_outcome",
    "site_configuration",
    "write_demo",
]
