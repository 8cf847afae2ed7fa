"""Training in the cloud: data to a bucket, SageMaker jobs, the container that they run, artifacts back."""
