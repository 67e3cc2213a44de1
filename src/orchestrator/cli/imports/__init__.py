"""``outreach import``: a file of any size becomes campaigns; what cannot is told with its line number."""
