"""Bundles measured side by side: latency, throughput, memory, cold start."""
