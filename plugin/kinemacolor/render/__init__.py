"""The renderer: a film in, a colour film out, through a server, in bounded memory."""
