"""What a machine is and does: files, streams, processes, tools. It knows nothing of benchmarks."""
