"""Counting in the cloud: a server for one bundle, its SageMaker endpoint, and a Lambda function that asks it."""
