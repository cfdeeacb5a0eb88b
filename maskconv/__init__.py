"""maskconv: converts segmentation annotations between formats."""
