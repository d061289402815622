"""The record of each batch, with the status of the migration that follows from all of them."""
