"""What a site counts and keeps: goals, funnels, segments, annotations."""
