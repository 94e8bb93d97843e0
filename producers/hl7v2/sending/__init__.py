"""An order onto the feed, and its ACK; imports order, ack, cda and send."""
