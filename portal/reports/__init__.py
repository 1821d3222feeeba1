"""Reports as files: what was asked, as CSV, JSON or a workbook."""
