"""The cloud: data to a bucket, SageMaker jobs, the container that they run, artifacts back, and an endpoint that counts."""
