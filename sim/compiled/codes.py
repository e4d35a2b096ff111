"""Numbers for kinds and for events, as the compiled loop knows them."""

# What happens to the upload, device or accelerator whose number an event carries.
NOTHING, ENTER, CODED, LEAVE, AGAIN, JOIN, GAVE_UP, SENT, ARRIVE, REPLY, END, BATCH, HELD, SPEAK, HEAR, RECEIVED = (
    range(16)
)
CODES = 16

FIXED, LINK, DEADLINE, BATTERY, LOAD_UPLOADS, LOAD_REPLIES, LOAD_QUEUE = range(7)  # policies
EQUAL, WEIGHTED, AIRTIME, FRAMES, BLOCKS, DEDICATED, FIFO = range(7)  # sharing
CONSTANT, PERIODIC = range(2)  # access
LOSSLESS, PAYLOADS, PACKETS = range(3)  # loss

# Why the loop comes back to Python.
DONE, WINDOW, ROWS, ROOM = range(4)
