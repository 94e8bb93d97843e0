"""The system as processes: started, asked, stopped; what it left on feed and store."""
