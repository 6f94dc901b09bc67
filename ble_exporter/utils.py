"""What two or more modules really share, and nothing else."""
