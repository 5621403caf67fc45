"""Training: data sets, the model of old film, losses and recipes. Needs torch and opencv; nothing of it is used to render."""
