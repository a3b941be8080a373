"""The relational side: tables and their migrations."""
