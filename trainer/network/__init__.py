"""The network: backbones and heads by name, its weights on disk, and running it on labelled images."""
