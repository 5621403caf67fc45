"""The helper process of the effect: answers the shim's messages one at a time and lets an `Effect` do the colouring."""
