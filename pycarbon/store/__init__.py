"""The run store: where run files go, and the index by which they are found and added up."""
