"""Order batching: orders that stay whole, put into batches that are each picked in one tour."""

from warehouse.batching.alns import alns
from warehouse.batching.annealing import annealing
from warehouse.batching.batches import Batches
from warehouse.batching.bound import lower_bound_m
from warehouse.batching.problem import BatchProblem, batch_problem
from warehouse.batching.savings import savings
from warehouse.batching.seed import seed
from warehouse.batching.simple import first_come, random

__all__ = ["BatchProblem", "Batches", "alns", "annealing", "batch_problem", "first_come", "lower_bound_m", "random", "savings", "seed"]
