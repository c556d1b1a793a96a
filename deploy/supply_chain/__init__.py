"""What our images and packages are made of: pinned, listed, and looked up among known flaws."""
