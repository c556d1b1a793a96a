"""What knows Meta: how the files of contacts are downloaded."""
