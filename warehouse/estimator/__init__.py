"""Estimated travel times of pick lists: a small network in a bundle, run by ONNX Runtime."""

from warehouse.estimator.estimator import Estimates, Estimator, open_estimator

__all__ = ["Estimates", "Estimator", "open_estimator"]
