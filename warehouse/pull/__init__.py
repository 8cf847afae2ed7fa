"""Ask a WMS by HTTP what its books say."""
