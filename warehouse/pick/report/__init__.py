"""The second seed system's tables and figures from our own runs, on one page; docs/report.md tells what each is."""
