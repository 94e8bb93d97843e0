"""What is measured, each in a process of its own so that collector and threads are as they are
in real use. A worker takes one JSON object as its argument and prints one as its last line."""
