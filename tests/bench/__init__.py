"""What a converged run costs: CPU against floors, counters, memory. The counters are held by a test too."""
