"""The sample that ships with the project: football results, from the public-domain openfootball collection."""
