"""What the formats of YOLO have in common: data.yaml, and what classes are called."""
