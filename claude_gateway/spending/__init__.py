"""What is spent: booked, told."""
