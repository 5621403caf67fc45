"""Training: data sets, the model of old film, losses and recipes. Nothing of it is needed to render."""
