"""Makes a commit that a crash cannot leave half done."""
