"""``bintally data fetch``: the data set from its public bucket, each file whole and none twice."""
