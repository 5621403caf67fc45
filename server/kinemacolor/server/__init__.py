"""The inference server: keeps the recurrent state of every clip and answers frames in order."""
