"""Files in, files out: decode, encode, containers, tracks, image sequences. The only package that imports av."""
