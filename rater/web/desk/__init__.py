"""The experimenters' desk: how studies go, masked, and what can be done with them."""
