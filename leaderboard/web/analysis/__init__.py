"""What the pages of analytics show, worked out before a template sees it."""
