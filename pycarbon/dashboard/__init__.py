"""The store in a browser: pages that are rendered here, and the same figures as JSON, CSV and Parquet."""
