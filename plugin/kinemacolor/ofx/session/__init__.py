"""The colours of one instance of the effect: which frames its host asked for, and what may be said of each."""
