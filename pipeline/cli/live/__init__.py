"""The live monitor: ``screen`` says how a snapshot looks, ``app`` runs in a terminal, ``hand`` does what a key asks for."""
