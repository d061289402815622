"""Work trees of our own beside the user's: copies, checkouts, the way back onto their branch."""
