"""Roll-outs: give a fleet a new model cohort by cohort, watch what it does there, and take it back by itself.

``view`` (what a station said) → ``judge`` (is the cohort good?) → ``advance`` (what next?) are pure; ``store`` remembers, ``link`` speaks
MQTT, ``controller`` turns the wheel. docs/fleet.md has the rules.
"""
