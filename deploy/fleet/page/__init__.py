"""The fleet's page: stations and roll-outs in a browser, with a stop button. It reads and orders; only the controller signs."""
