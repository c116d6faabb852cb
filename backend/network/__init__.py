"""What can go wrong between here and the hub, and what is tried again; shared by models and datasets."""
