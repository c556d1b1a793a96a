"""What knows the Graph API: uploads of files."""
