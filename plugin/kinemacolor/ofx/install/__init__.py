"""`kinemacolor plugin`: puts the effect where hosts look for it, takes it away, and checks it."""
