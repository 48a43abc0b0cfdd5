"""The composition root: builds one of the wirings from its parts and runs it. Decides nothing.

=============  ==============================  ===============================================
wiring         clock and feed                  broker
=============  ==============================  ===============================================
simulated      the embedded Alpaca's time      ``AlpacaClient`` on it, over HTTP and WebSocket
paper, live    system clock, queue of threads  ``AlpacaClient`` on Alpaca
=============  ==============================  ===============================================

``simulated`` builds the first, ``hosted`` the other two, both around ``trader``, which is the same in all.
"""
