"""What results say: statistics and comparisons, and how tables, figures and reports show them."""
