"""The batching methods for any judge: orders are put into batches by what sets of them cost, and many sets are judged at once.

Judging a set takes 5 to 25 ms where the cart's best schedule is calculated, and 20 µs where it is estimated, if many are asked for
together. So a method gathers all sets that it wants to know about, and a guide, which may be cheaper than the judge, says which of many
possible sets are worth it. (By plain length a set takes 3 µs; methods for that alone are compiled as a whole, in `warehouse.batching`.)
"""
