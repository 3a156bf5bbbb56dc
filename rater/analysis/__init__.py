"""Test and describe ratings in a tidy DataFrame, knowing nothing of where they came from."""
