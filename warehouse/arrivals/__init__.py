"""Orders that keep arriving: which pick list an idle picker takes now, and a simulated day that shows what a rule is worth."""
