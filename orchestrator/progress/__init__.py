"""What has been done: the records in the tree, and the status that follows from them."""
