"""What is sent, made but not sent: the mail and the JSON of one delivery, from its run's artifacts.

Nothing here opens a connection. The runner sends them, the pages show them before anybody subscribes; both come here,
so that what is shown is what arrives.
"""
