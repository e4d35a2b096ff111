"""What draws the pages' pictures and tables."""
